"""The type of a setting that is a password or a token."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MASK = "******"
_MASKS = frozenset({MASK, "\u2022" * 16})
"""Clients send a mask back when a secret has not changed. The second is the mask of an old user interface."""

ENCRYPT, DECRYPT = "encrypt", "decrypt"
"""Keys of pydantic's context, in which the store passes its functions for encryption and decryption."""

_ENCRYPTED = "encrypted"
"""The key of a secret's document in the database."""


class Secret:
    """A text that is encrypted in the database, and masked in answers and logs.

    `reveal` returns the text. Call it only where the secret is used.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.with_info_plain_validator_function(
            _read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _write, info_arg=True, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler
        return {"type": "string", "format": "password"}


def keeps_secret(sent: object) -> bool:
    """True when a request sends a blank or a mask, which keeps the stored secret."""
    return isinstance(sent, str) and (not sent.strip() or sent.strip() in _MASKS)


def encrypted_in(document: Any) -> list[str]:
    """The encrypted texts of the secrets in a stored document."""
    if isinstance(document, Mapping):
        token = document.get(_ENCRYPTED)
        return [token] if isinstance(token, str) else encrypted_in(list(document.values()))
    if isinstance(document, list):
        return [token for value in document for token in encrypted_in(value)]
    return []


def _read(value: Any, info: core_schema.ValidationInfo) -> Secret:
    decrypt: Callable[[str], str] | None = (info.context or {}).get(DECRYPT)
    if isinstance(value, Secret):
        return value
    if decrypt and isinstance(value, Mapping) and isinstance(value.get(_ENCRYPTED), str):
        return Secret(decrypt(value[_ENCRYPTED]))
    if isinstance(value, str) and not decrypt:
        return Secret(value)
    raise PydanticCustomError("string_type", "Input should be a valid string")


def _write(secret: Secret, info: core_schema.SerializationInfo) -> str | dict[str, str]:
    encrypt: Callable[[str], str] | None = (info.context or {}).get(ENCRYPT)
    return {_ENCRYPTED: encrypt(secret.reveal())} if encrypt else MASK

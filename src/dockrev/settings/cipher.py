"""Encrypts the secrets in the database with a key that is not in the database."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dockrev.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class SecretCipher:
    """Uses Fernet (AES-128-CBC with HMAC-SHA256). Imports `cryptography` at the first use, to save memory."""

    def __init__(self, key: bytes | None, key_file: Path) -> None:
        """`key` is 32 bytes in URL-safe base64. None: the key is in `key_file`, which `encrypt` creates."""
        self._key = key
        self._key_file = key_file
        self._fernet: Fernet | None = None

    def encrypt(self, text: str) -> str:
        """Raises StorageError when the key file cannot be read or created."""
        return self._with_key(create=True).encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Raises StorageError when the key is missing, or is not the key that encrypted the token."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 -- see the class

        try:
            return self._with_key(create=False).decrypt(token).decode()
        except (InvalidToken, ValueError):  # ValueError: the token is not ASCII
            raise self._key_error("does not fit the secrets in the database") from None

    def _with_key(self, *, create: bool) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 -- see the class

        if self._fernet is None:
            try:
                self._fernet = Fernet(self._key or self._read_key(create=create))
            except ValueError:
                raise self._key_error("is not a key") from None
        return self._fernet

    def _read_key(self, *, create: bool) -> bytes:
        try:
            if create and not self._key_file.exists():
                self._create_key()
            return self._key_file.read_bytes().strip()
        except FileNotFoundError:
            raise self._key_error("is missing") from None
        except OSError as error:
            raise StorageError(f"the key file {self._key_file}: {error.strerror}") from error

    def _create_key(self) -> None:
        """The file is complete and on disk before it gets its name, so a crash cannot leave half a key."""
        from cryptography.fernet import Fernet  # noqa: PLC0415 -- see the class

        unfinished = self._key_file.with_name(f".{self._key_file.name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):  # another process was faster, and its key is used
                os.link(unfinished, self._key_file)
        finally:
            unfinished.unlink()

    def _key_error(self, fault: str) -> StorageError:
        source = "DOCKREV_SECRET_KEY" if self._key else f"the key file {self._key_file}"
        return StorageError(f"{source} {fault}; provide the key that was used when the secrets were saved")

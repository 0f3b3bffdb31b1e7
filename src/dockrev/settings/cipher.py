"""Encrypts the secrets in the database with a key that is not in the database."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dockrev.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class SecretCipher:
    """Fernet: AES-128-CBC with HMAC-SHA256. `cryptography` is imported at the first use: it takes memory."""

    def __init__(self, key: bytes | None, key_file: Path) -> None:
        """`key`: 32 bytes in URL-safe base64. None: `key_file` has it, and `encrypt` makes that file."""
        self._key = key
        self._key_file = key_file
        self._fernet: Fernet | None = None

    def encrypt(self, text: str) -> str:
        """Raises StorageError when the key file cannot be read or made."""
        return self._with_key(make=True).encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Raises StorageError when the key is missing, or is not the one the token was encrypted with."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 -- see the class

        try:
            return self._with_key(make=False).decrypt(token).decode()
        except InvalidToken:
            raise self._unfit("does not fit the secrets in the database") from None

    def _with_key(self, *, make: bool) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 -- see the class

        if self._fernet is None:
            try:
                self._fernet = Fernet(self._key or self._read_key(make=make))
            except ValueError:
                raise self._unfit("is not a key") from None
        return self._fernet

    def _read_key(self, *, make: bool) -> bytes:
        try:
            if make and not self._key_file.exists():
                self._make_key()
            return self._key_file.read_bytes().strip()
        except FileNotFoundError:
            raise self._unfit("is missing") from None
        except OSError as error:
            raise StorageError(f"the key file {self._key_file}: {error.strerror}") from error

    def _make_key(self) -> None:
        """Complete and on the disk before it has its name, so that no crash leaves half a key."""
        from cryptography.fernet import Fernet  # noqa: PLC0415 -- see the class

        unfinished = self._key_file.with_name(f".{self._key_file.name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):  # another process was faster: its key counts
                os.link(unfinished, self._key_file)
        finally:
            unfinished.unlink()

    def _unfit(self, fault: str) -> StorageError:
        which = "DOCKREV_SECRET_KEY" if self._key else f"the key file {self._key_file}"
        return StorageError(f"{which} {fault}; provide the key that was used when the secrets were saved")

"""The authentication of a registry of the testbed: none, a password, or a bearer token."""

import base64
import ctypes
import json
import secrets
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str

    @property
    def basic(self) -> str:
        """The value for an Authorization header and for `auth` in a Docker config.json."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


ISSUER, SERVICE = "testbed issuer", "testbed registry"

OPERATOR = Credentials("operator", "opensesame")
"""The only account of the testbed's registries. It may do everything."""


class Access(Protocol):
    @property
    def credentials(self) -> Credentials | None: ...

    def settings(self, directory: Path) -> Mapping[str, Any]:
        """The registry's configuration of authentication. Writes the files it needs to `directory`."""
        ...

    def authorize(self, repository: str) -> str | None:
        """An Authorization header that permits everything on the repository."""
        ...


class Anonymous:
    credentials = None

    def settings(self, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002 -- nothing to write
        return {}

    def authorize(self, repository: str) -> str | None:  # noqa: ARG002 -- no authentication
        return None


@dataclass(frozen=True, slots=True)
class Passwords:
    credentials: Credentials = OPERATOR

    def settings(self, directory: Path) -> Mapping[str, Any]:
        accounts = directory / "htpasswd"
        accounts.write_text(f"{self.credentials.username}:{_bcrypt(self.credentials.password)}\n")
        return {"auth": {"htpasswd": {"realm": "testbed", "path": str(accounts)}}}

    def authorize(self, repository: str) -> str | None:  # noqa: ARG002 -- one password for all repositories
        return f"Basic {self.credentials.basic}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Bearer tokens by the specification of the distribution project. `port` is that of the token server."""

    port: int
    signing: "SigningKey"
    credentials: Credentials = OPERATOR

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    def settings(self, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002 -- the key knows its files
        token = {
            "realm": self.realm,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(self.signing.certificate),
        }
        return {"auth": {"token": token}}

    def authorize(self, repository: str) -> str | None:
        wanted = {"service": SERVICE, "scope": f"repository:{repository}:pull,push,delete"}
        request = urllib.request.Request(f"{self.realm}?{urlencode(wanted)}")
        request.add_header("Authorization", f"Basic {self.credentials.basic}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"Bearer {json.load(answer)['token']}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key and its self-signed certificate, as files in a directory."""

    directory: Path

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    @property
    def certificate(self) -> Path:
        return self.directory / "certificate.pem"

    def create(self) -> None:
        request = (
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=testbed",
        )
        files = ("-keyout", self.key, "-out", self.certificate)
        subprocess.run([*request, *files], check=True, capture_output=True)


def _bcrypt(password: str) -> str:
    """The only hash that distribution accepts. Debian's C library can compute it."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    salt = f"$2b$05${secrets.token_hex(11)}"
    hashed = crypt(password.encode(), salt.encode())
    assert isinstance(hashed, bytes), "libcrypt does not support bcrypt"
    return hashed.decode()

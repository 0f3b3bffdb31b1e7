"""Where an engine listens, and how to connect to it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
from yarl import URL

from dockrev.config.shared import DockerConfig
from dockrev.errors import DockerError

_PORT, _TLS_PORT = 2375, 2376


@dataclass(frozen=True, slots=True)
class EngineAddress:
    url: str
    """The base URL of HTTP requests; with a socket its host means nothing."""
    socket: Path | None
    tls_directory: Path | None

    @classmethod
    def of(cls, config: DockerConfig) -> Self:
        if config.host.startswith("unix://"):
            return cls("unix://localhost", Path(config.host.removeprefix("unix://")), None)
        url = URL(config.host).with_user(None).with_path("")
        tls = config.tls_directory if url.scheme != "http" else None
        if url.scheme == "tcp":
            port = url.explicit_port or (_TLS_PORT if tls else _PORT)
            url = URL.build(scheme="https" if tls else "http", host=url.raw_host or "localhost", port=port)
        return cls(str(url).rstrip("/"), None, tls)

    def connector(self) -> aiohttp.BaseConnector:
        """Raises DockerError when the TLS files cannot be used."""
        if self.socket is not None:
            return aiohttp.UnixConnector(str(self.socket))
        if self.tls_directory is None:
            return aiohttp.TCPConnector()
        return aiohttp.TCPConnector(ssl=_tls(self.tls_directory))

    def __str__(self) -> str:
        return str(self.socket or self.url)


def _tls(directory: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
        if (directory / "cert.pem").exists():
            context.load_cert_chain(str(directory / "cert.pem"), str(directory / "key.pem"))
    except OSError as error:  # ssl.SSLError is an OSError
        raise DockerError(
            f"The TLS files for the Docker engine in {directory} cannot be used ({error.strerror or error})."
            " DOCKER_CERT_PATH must hold ca.pem, cert.pem and key.pem, readable for this user.",
            permanent=True,
        ) from error
    return context

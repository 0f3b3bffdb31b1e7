"""Turns every failure to get a usable answer from an engine into a DockerError with a remedy."""

import json
import ssl
from collections.abc import Mapping

import aiodocker
import aiohttp

from dockrev.docker.address import EngineAddress
from dockrev.errors import DockerConflict, DockerError, DockerNotFound

_UNREADABLE = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)
FOREIGN = (aiodocker.DockerError, aiohttp.ClientError, OSError, *_UNREADABLE)
"""What aiodocker, aiohttp and the parsing of an answer raise. TimeoutError and ssl.SSLError are OSErrors."""

_KINDS: Mapping[int, type[DockerError]] = {404: DockerNotFound, 409: DockerConflict}
_NEVER_CONNECTED = 900  # a status of aiodocker, not of HTTP


def explain(error: BaseException, address: EngineAddress, timeout_seconds: float) -> DockerError:
    if isinstance(error, aiodocker.DockerError):
        if error.status != _NEVER_CONNECTED or error.__context__ is None:
            return _refused(error, address)
        error = error.__context__
    if isinstance(error, TimeoutError):
        return DockerError(
            f"The Docker engine at {address} did not answer within {timeout_seconds:g} seconds."
            " It may be overloaded or hanging; look at its log."
        )
    if isinstance(error, ssl.SSLError):  # first: aiohttp's TLS errors are ClientConnectorErrors too
        return _tls(error, address)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _unreachable(error.os_error, address)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return _died(error, address)
    return DockerError(
        f"The program at {address} does not speak like a Docker engine ({type(error).__name__})."
        " Check DOCKER_HOST, and the proxy in between if there is one."
    )


def _refused(error: aiodocker.DockerError, address: EngineAddress) -> DockerError:
    hint = ""
    if error.status in (401, 403):
        hint = (
            " A socket proxy in between must allow GET for /version, /info, /containers, /images, /volumes"
            " and /events, and for updates POST, PUT and DELETE for /containers, /images and /volumes."
        )
    elif "HTTPS server" in error.message:
        hint = " It requires TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH."
    reason = message_in(error.message)
    kind = _KINDS.get(error.status, DockerError)
    return kind(
        f"The Docker engine at {address} refused with status {error.status}: {reason}.{hint}",
        permanent=error.status < 500,
    )


def message_in(body: str) -> str:
    """Unwraps `{"message": ...}`; aiodocker does so only when the content type names no character set."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, LookupError, TypeError):
        message = body
    return str(message).strip()[:300]


def _unreachable(error: OSError, address: EngineAddress) -> DockerError:
    if isinstance(error, FileNotFoundError):
        return DockerError(
            f"There is no Docker socket at {address}. Is Docker installed, and is the socket mounted into"
            f" this container (-v {address}:{address})? If the engine listens elsewhere, set DOCKER_HOST."
        )
    if isinstance(error, PermissionError):
        return DockerError(
            f"This user may not use the Docker socket {address}. Add the user to the group that owns it"
            f" (see `stat -c %g {address}`; in Compose: group_add).",
            permanent=True,
        )
    if isinstance(error, ConnectionRefusedError):
        return DockerError(
            f"Nothing listens at {address}: the Docker engine is not running."
            " Start it (systemctl start docker), or correct DOCKER_HOST."
        )
    return DockerError(
        f"The Docker engine at {address} cannot be reached ({error.strerror or error})."
        " Check DOCKER_HOST and the network in between."
    )


def _tls(error: ssl.SSLError, address: EngineAddress) -> DockerError:
    return DockerError(
        f"TLS with the Docker engine at {address} failed ({error})."
        " Check that ca.pem in DOCKER_CERT_PATH signed the engine's certificate, that this names the host of"
        " DOCKER_HOST, and that the engine accepts cert.pem.",
        permanent=True,
    )


def _died(error: BaseException, address: EngineAddress) -> DockerError:
    # With TLS 1.3 a server that rejects a certificate closes the connection after the handshake.
    tls = " Or it does not accept cert.pem in DOCKER_CERT_PATH." if address.tls_directory else ""
    return DockerError(
        f"The Docker engine at {address} broke off in the middle of an answer ({type(error).__name__})."
        f" It is stopping or restarting, or it crashed; look at its log.{tls}"
    )

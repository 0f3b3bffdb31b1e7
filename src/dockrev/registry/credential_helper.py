"""Docker's credential helper protocol: `docker-credential-<name> get`, server on stdin, JSON on stdout."""

import asyncio
import contextlib
import os
import re
import signal
from dataclasses import dataclass

import orjson

from dockrev.errors import RegistryError, RegistryErrorCode

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found"
_REAP_SECONDS = 1.0
HELPER_SECONDS = 10.0


@dataclass(frozen=True, slots=True, repr=False)
class HelperAnswer:
    username: str
    secret: str


async def ask_helper(name: str, server: str, timeout_seconds: float = HELPER_SECONDS) -> HelperAnswer | None:
    """None: the helper has no credentials for `server`. Raises RegistryError (CREDENTIALS)."""
    if not _NAME.fullmatch(name):
        raise _failure(name, server, "is not the name of a credential helper")
    status, output = await _run(name, server, timeout_seconds)
    if status != 0 and _NOT_FOUND in output.decode(errors="replace").lower():
        return None
    if status != 0:
        raise _failure(name, server, f"failed with exit code {status}")
    return _parsed(name, server, output)


async def _run(name: str, server: str, timeout_seconds: float) -> tuple[int, bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            f"docker-credential-{name}",
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise _failure(name, server, f"cannot be run ({error.strerror})") from error
    finished = False
    try:
        async with asyncio.timeout(timeout_seconds):
            output, _ = await process.communicate(server.encode())
        finished = True
    except TimeoutError as error:
        raise _failure(name, server, f"gave no answer within {timeout_seconds:g} s") from error
    finally:
        if not finished:
            await _kill(process)
    return process.returncode or 0, output


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kills the children of the helper too: one of them may be the process that hangs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # A child in another session may keep the pipes open forever, and wait() waits for the pipes too.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAP_SECONDS):
            await process.wait()


def _parsed(name: str, server: str, output: bytes) -> HelperAnswer:
    try:
        document = orjson.loads(output)
    except orjson.JSONDecodeError as error:
        raise _failure(name, server, "did not answer with JSON") from error
    username = document.get("Username") if isinstance(document, dict) else None
    secret = document.get("Secret") if isinstance(document, dict) else None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise _failure(name, server, "answered without Username and Secret")
    return HelperAnswer(username, secret)


def _failure(name: str, server: str, why: str) -> RegistryError:
    return RegistryError(
        RegistryErrorCode.CREDENTIALS,
        f"The credentials for {server} cannot be read: docker-credential-{name[:60]} {why}; "
        "install or fix the helper, or remove it from Docker's config.json",
    )

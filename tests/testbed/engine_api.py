"""The Engine API over a unix socket, without the product's libraries, so that it can check the product."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


class EngineRefused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class EngineApi:
    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The parsed JSON answer."""
        return json.loads(self.call("GET", path, query) or b"null")

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Sends a request. Raises OSError when no engine listens, EngineRefused when it answers an error."""
        connection = _UnixConnection(self._path)
        try:
            target = f"{path}?{urlencode(_texts(query or {}))}"
            connection.request(method, target, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineRefused(response.status, content.decode(errors="replace").strip())
        return content


def _texts(query: Mapping[str, object]) -> dict[str, str]:
    """Encodes query values: filters as JSON, flags as true and false."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

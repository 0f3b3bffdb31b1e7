"""
A token server for docker-registry: `python -m tests.testbed.token_server PORT KEY_DIRECTORY`.

It follows distribution's token specification (docs/spec/auth/token.md and jwt.md). A client with HTTP basic
credentials gets a signed JWT that grants everything it asked for. A client without credentials may only pull
from repositories with a `public` folder in their name. Wrong credentials are refused.
"""

import asyncio
import base64
import json
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.testbed.access import ISSUER, OPERATOR, SigningKey

LIFETIME_SECONDS = 300


class TokenServer:
    def __init__(self, signing: SigningKey) -> None:
        self._signing = signing

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/token", self._grant)
        return application

    async def _grant(self, request: web.Request) -> web.Response:
        header = request.headers.get("Authorization")
        if header and not _is_operator(header):
            raise web.HTTPUnauthorized(text="unknown account or wrong password")
        subject = OPERATOR.username if header else ""
        scopes = " ".join(request.query.getall("scope", [])).split()
        access = [_granted(scope, known=bool(header)) for scope in scopes]
        token = await self._sign(self._claims(subject, request.query.get("service", ""), access))
        return web.json_response({"token": token, "access_token": token, "expires_in": LIFETIME_SECONDS})

    def _claims(self, subject: str, audience: str, access: list[dict[str, Any]]) -> Mapping[str, Any]:
        now = int(time.time())
        return {
            "iss": ISSUER,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now - 5,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_hex(8),
            "access": [entry for entry in access if entry["actions"]],
        }

    async def _sign(self, claims: Mapping[str, Any]) -> str:
        body = _PEM.sub("", self._signing.certificate.read_text())
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(body.split())]}
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        openssl = await asyncio.create_subprocess_exec(
            *("openssl", "dgst", "-sha256", "-sign", str(self._signing.key)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        signature, _ = await openssl.communicate(signed.encode())
        return f"{signed}.{_base64(signature)}"


_PEM = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")


def _is_operator(header: str) -> bool:
    return header == f"Basic {OPERATOR.basic}"


def _granted(scope: str, *, known: bool) -> dict[str, Any]:
    """Parses `repository:NAME:ACTION[,ACTION...]`. The name may contain a colon, for a host with a port."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    asked = set(filter(None, actions.split(",")))
    if not known:
        asked &= {"pull"} if "public" in name.split("/")[:-1] else set()
    return {"type": kind, "name": name, "actions": sorted(asked)}


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


if __name__ == "__main__":
    application = TokenServer(SigningKey(Path(sys.argv[2]))).application()
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)

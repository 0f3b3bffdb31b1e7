"""The login that the engine sends to a registry during a pull (Engine API, "Authentication")."""

import base64
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Either a user name and password, or an identity token."""

    server: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def header(self) -> str:
        """The value of X-Registry-Auth."""
        login = {
            "username": self.username,
            "password": self.password,
            "identitytoken": self.identity_token,
            "serveraddress": self.server,
        }
        fields = {name: value for name, value in login.items() if value}
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()

"""Identifies the caller by the headers of a forward-auth proxy."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from dockrev.config.shared import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.headers import RawHeaders, header
from dockrev.web.peers import is_trusted

MESSAGES: Final = {
    "authz_config_missing": "neither an allowed user nor an allowed group is configured",
    "identity_missing": "the request carries no forward auth identity",
    "authz_no_match": "forward auth identity is not allowed",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The user that a request acts for. The name is recorded with every job and change."""

    name: str


ANONYMOUS = Principal("anonymous")


@dataclass(frozen=True, slots=True)
class _Identity:
    user: str | None = None
    groups: tuple[str, ...] = ()


def authorize(headers: RawHeaders, peer: str | None, config: AuthConfig) -> Principal:
    """Returns the caller. Raises AuthRequired with the reason in its details. Names are case-sensitive."""
    identity = _identity(headers, config) if is_trusted(peer, config.trusted_proxies) else _Identity()
    if config.allowed_user is not None and identity.user == config.allowed_user:
        return Principal(config.allowed_user)
    if config.allowed_group is not None and config.allowed_group in identity.groups:
        return Principal(identity.user or f"group:{config.allowed_group}")
    if config.admits_anonymous:
        return Principal(identity.user) if identity.user else ANONYMOUS
    raise AuthRequired("auth required", _details(_reason(identity, config), identity, config))


def _identity(headers: RawHeaders, config: AuthConfig) -> _Identity:
    groups = header(headers, config.group_header.encode()) or ""
    return _Identity(
        user=header(headers, config.user_header.encode()),
        groups=tuple(name for part in groups.split(",") if (name := part.strip())),
    )


def _reason(identity: _Identity, config: AuthConfig) -> str:
    if not config.has_allow_list:
        return "authz_config_missing"
    return "authz_no_match" if identity.user or identity.groups else "identity_missing"


def _details(
    reason: str, identity: _Identity, config: AuthConfig
) -> dict[str, str | list[str | None] | None]:
    return {
        "reason": reason,
        "message": MESSAGES[reason],
        "forwardHeaderName": config.user_header,
        "groupHeaderName": config.group_header,
        "allowedUserMasked": masked(config.allowed_user),
        "allowedGroupMasked": masked(config.allowed_group),
        "currentUser": identity.user,
        "currentGroups": [masked(group) for group in identity.groups],
        "authorizationMode": "user_or_group",
    }


def masked(name: str | None) -> str | None:
    """Shows enough of a name to recognise a typing error, but not the name."""
    name = (name or "").strip()
    if not name:
        return None
    if len(name) <= 2:
        return "**"
    if len(name) <= 4:
        return f"{name[0]}**{name[-1]}"
    return f"{name[:2]}***{name[-2:]}"


async def current_principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


async def optional_principal(request: Request) -> Principal | None:
    principal: Principal | None = request.state.principal
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
"""The caller, for routes that need an identity."""

OptionalPrincipal = Annotated[Principal | None, Depends(optional_principal)]
"""The caller, for public routes that answer more to an allowed caller. None without an identity."""

from ipaddress import ip_network

import pytest

from dockrev.config.shared import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.identity import authorize, masked

ANONYMOUS_ALLOWED = AuthConfig()
ANONYMOUS_REFUSED = AuthConfig(allow_anonymous=False)
USER = AuthConfig(allowed_user="ivan")
GROUP = AuthConfig(allowed_group="ops")
BOTH = AuthConfig(allowed_user="ivan", allowed_group="ops")
PROXY = AuthConfig(allowed_user="ivan", trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
ANONYMOUS_PROXY = AuthConfig(trusted_proxies=(ip_network("10.0.0.0/8"),))
RENAMED = AuthConfig(user_header="x-auth-request-user", group_header="x-groups", allowed_user="ivan")

U, G = "x-forwarded-user", "remote-groups"
Lines = list[tuple[str, str]]

ALLOWED: list[tuple[str, AuthConfig, Lines, str | None, str]] = [
    ("anonymous allowed, no identity", ANONYMOUS_ALLOWED, [], "192.0.2.1", "anonymous"),
    ("anonymous allowed, blank user", ANONYMOUS_ALLOWED, [(U, "   ")], "192.0.2.1", "anonymous"),
    ("anonymous allowed, user", ANONYMOUS_ALLOWED, [(U, "bob")], "192.0.2.1", "bob"),
    ("anonymous allowed, groups only", ANONYMOUS_ALLOWED, [(G, "devs")], "192.0.2.1", "anonymous"),
    ("anonymous allowed, user and groups", ANONYMOUS_ALLOWED, [(U, "bob"), (G, "devs")], "192.0.2.1", "bob"),
    ("allowed user", USER, [(U, "ivan")], "192.0.2.1", "ivan"),
    ("allowed user with blanks around", USER, [(U, "  ivan\t")], "192.0.2.1", "ivan"),
    ("allowed user with other groups", USER, [(U, "ivan"), (G, "devs")], "192.0.2.1", "ivan"),
    ("allowed group without user", GROUP, [(G, "ops")], "192.0.2.1", "group:ops"),
    ("allowed group with blank user", GROUP, [(U, " "), (G, "ops")], "192.0.2.1", "group:ops"),
    ("allowed group with user", GROUP, [(U, "bob"), (G, "ops")], "192.0.2.1", "bob"),
    ("allowed group among others", GROUP, [(G, "devs, ops ,, users")], "192.0.2.1", "group:ops"),
    ("allowed group on a second line", GROUP, [(G, "devs"), (G, "ops")], "192.0.2.1", "group:ops"),
    ("both set, user matches", BOTH, [(U, "ivan"), (G, "devs")], "192.0.2.1", "ivan"),
    ("both set, group matches", BOTH, [(U, "bob"), (G, "ops")], "192.0.2.1", "bob"),
    ("both set, both match", BOTH, [(U, "ivan"), (G, "ops")], "192.0.2.1", "ivan"),
    ("trusted IPv4 proxy", PROXY, [(U, "ivan")], "10.1.2.3", "ivan"),
    ("trusted IPv6 proxy", PROXY, [(U, "ivan")], "fd00::7", "ivan"),
    ("trusted IPv4 proxy on an IPv6 socket", PROXY, [(U, "ivan")], "::ffff:10.1.2.3", "ivan"),
    (
        "anonymous allowed, name from an untrusted peer",
        ANONYMOUS_PROXY,
        [(U, "root")],
        "192.0.2.1",
        "anonymous",
    ),
    ("anonymous allowed, name from a trusted peer", ANONYMOUS_PROXY, [(U, "bob")], "10.0.0.1", "bob"),
    ("no trusted proxies set, a Unix socket", USER, [(U, "ivan")], None, "ivan"),
    ("other header names", RENAMED, [("x-auth-request-user", "ivan")], "192.0.2.1", "ivan"),
]

REFUSED: list[tuple[str, AuthConfig, Lines, str | None, str]] = [
    ("anonymous refused, no identity", ANONYMOUS_REFUSED, [], "192.0.2.1", "authz_config_missing"),
    (
        "anonymous refused, user and group",
        ANONYMOUS_REFUSED,
        [(U, "ivan"), (G, "ops")],
        "192.0.2.1",
        "authz_config_missing",
    ),
    ("user set, no identity", USER, [], "192.0.2.1", "identity_missing"),
    ("user set, blank user", USER, [(U, " ")], "192.0.2.1", "identity_missing"),
    ("user set, groups of commas", USER, [(G, " , ,")], "192.0.2.1", "identity_missing"),
    ("user set, another user", USER, [(U, "bob")], "192.0.2.1", "authz_no_match"),
    ("user set, another case", USER, [(U, "Ivan")], "192.0.2.1", "authz_no_match"),
    ("user set, longer name", USER, [(U, "ivan2")], "192.0.2.1", "authz_no_match"),
    ("user set, name as group", USER, [(G, "ivan")], "192.0.2.1", "authz_no_match"),
    ("user set, two user lines", USER, [(U, "ivan"), (U, "bob")], "192.0.2.1", "authz_no_match"),
    ("user set, user list in a line", USER, [(U, "ivan,bob")], "192.0.2.1", "authz_no_match"),
    ("group set, no identity", GROUP, [], "192.0.2.1", "identity_missing"),
    ("group set, another group", GROUP, [(G, "devs")], "192.0.2.1", "authz_no_match"),
    ("group set, another case", GROUP, [(G, "OPS")], "192.0.2.1", "authz_no_match"),
    ("group set, part of a name", GROUP, [(G, "devops")], "192.0.2.1", "authz_no_match"),
    ("group set, name as user", GROUP, [(U, "ops")], "192.0.2.1", "authz_no_match"),
    ("group set, principal's name as user", GROUP, [(U, "group:ops")], "192.0.2.1", "authz_no_match"),
    ("both set, neither matches", BOTH, [(U, "bob"), (G, "devs")], "192.0.2.1", "authz_no_match"),
    ("untrusted peer", PROXY, [(U, "ivan")], "192.0.2.1", "identity_missing"),
    ("untrusted loopback", PROXY, [(U, "ivan")], "127.0.0.1", "identity_missing"),
    ("peer without an address", PROXY, [(U, "ivan")], None, "identity_missing"),
    ("peer that is no address", PROXY, [(U, "ivan")], "testclient", "identity_missing"),
    ("default name while renamed", RENAMED, [(U, "ivan")], "192.0.2.1", "identity_missing"),
    ("anonymous switch is ignored once a user is set", USER, [], "192.0.2.1", "identity_missing"),
]


def raw(lines: Lines) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in lines]


@pytest.mark.parametrize(
    ("config", "lines", "peer", "name"), [case[1:] for case in ALLOWED], ids=[case[0] for case in ALLOWED]
)
def test_a_caller_is_allowed(config: AuthConfig, lines: Lines, peer: str | None, name: str) -> None:
    assert authorize(raw(lines), peer, config).name == name


@pytest.mark.parametrize(
    ("config", "lines", "peer", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_caller_is_refused(config: AuthConfig, lines: Lines, peer: str | None, reason: str) -> None:
    with pytest.raises(AuthRequired) as refusal:
        authorize(raw(lines), peer, config)
    assert refusal.value.message == "auth required"
    assert refusal.value.details["reason"] == reason


def test_the_details_show_what_was_compared_with_masked_names() -> None:
    config = AuthConfig(allowed_user="ivanivan")
    with pytest.raises(AuthRequired) as refusal:
        authorize(raw([(U, "bob"), (G, "ops,dev")]), "192.0.2.1", config)
    assert refusal.value.details == {
        "reason": "authz_no_match",
        "message": "forward auth identity is not allowed",
        "forwardHeaderName": "x-forwarded-user",
        "groupHeaderName": "remote-groups",
        "allowedUserMasked": "iv***an",
        "allowedGroupMasked": None,
        "currentUser": "bob",
        "currentGroups": ["o**s", "d**v"],
        "authorizationMode": "user_or_group",
    }


def test_the_details_for_an_untrusted_peer_do_not_contain_its_headers() -> None:
    with pytest.raises(AuthRequired) as refusal:
        authorize(raw([(U, "ivan"), (G, "ops")]), "192.0.2.1", PROXY)
    assert refusal.value.details["currentUser"] is None
    assert refusal.value.details["currentGroups"] == []


@pytest.mark.parametrize("encoded", ["jörg".encode(), "jörg".encode("latin-1")], ids=["utf-8", "latin-1"])
def test_a_non_ascii_name_matches_in_utf_8_and_in_latin_1(encoded: bytes) -> None:
    config = AuthConfig(allowed_user="jörg")
    assert authorize([(b"x-forwarded-user", encoded)], None, config).name == "jörg"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("a", "**"),
        ("ab", "**"),
        ("dev", "d**v"),
        ("abcd", "a**d"),
        ("alice", "al***ce"),
        ("a-very-long-name", "a-***me"),
    ],
)
def test_a_mask_shows_at_most_the_ends_of_a_name(name: str | None, shown: str | None) -> None:
    assert masked(name) == shown

import pytest

from dockrev.registry.challenge import Basic, Bearer, Challenge, parse_challenge


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            ['Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="x:pull"'],
            Bearer("https://auth.docker.io/token", "registry.docker.io"),
        ),
        (
            ['Bearer realm="https://a/token",service="one, two",error="invalid_token"'],
            Bearer("https://a/token", "one, two"),
        ),
        (['bearer REALM = "https://a/t" , service=plain'], Bearer("https://a/t", "plain")),
        ([r'Bearer realm="https://a/\"quoted\\\""'], Bearer('https://a/"quoted\\"')),
        (['Basic realm="x, Bearer y=z"'], Basic()),
        (["Basic"], Basic()),
        (['Basic realm="x", Bearer realm="https://a/t"'], Bearer("https://a/t")),
        (['Basic realm="x"', 'Bearer realm="https://a/t"'], Bearer("https://a/t")),
        (['Negotiate, Basic realm="x"'], Basic()),
        (["Bearer"], None),
        (['Bearer service="no realm"'], None),
        (['Digest realm="x", nonce="y"'], None),
        (['Bearer realm="unterminated'], None),
        ([""], None),
        (['=,"'], None),
        ([], None),
    ],
)
def test_a_challenge_is_parsed_by_rfc_9110(headers: list[str], expected: Challenge | None) -> None:
    assert parse_challenge(headers) == expected


def test_a_challenge_names_the_reason_for_a_refused_token() -> None:
    challenge = parse_challenge(['Bearer realm="https://a:1/t",error="insufficient_scope"'])

    assert isinstance(challenge, Bearer)
    assert (challenge.error, challenge.host) == ("insufficient_scope", "a:1")

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest, is_foreign

SHA256 = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize("text", [SHA256, f"sha512:{'0a' * 64}"])
def test_what_the_image_spec_registers_is_a_digest(text: str) -> None:
    assert Digest.parse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        ":abc",
        SHA256[:-1],
        SHA256 + "0",
        SHA256.upper(),
        SHA256.replace("0a", "0A"),
        SHA256.replace("0a", "0g"),
        f"sha512:{'0a' * 32}",
        f" {SHA256}",
        f"{SHA256}\n",
        "sha256..b:abc",
        "-a:abc",
        "a:b/c",
        "md5:9dd4e461268c8034f5c8564e155c67a6",
        f"sha1:{'0a' * 20}",
        f"sha384:{'0a' * 48}",
        f"SHA256:{'0a' * 32}",
        f"sha256+b64u:{'0a' * 32}",
        f"blake3:{'0a' * 32}",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(
        InvalidArgument,
        match=r"not a digest: .*; a digest is sha256:<64 hex digits> or sha512:<128 hex digits>",
    ):
        Digest.parse(text)


def test_a_long_refusal_is_cut() -> None:
    with pytest.raises(InvalidArgument) as caught:
        Digest.parse("x" * 10_000)
    assert len(caught.value.message) < 250


@given(st.binary())
def test_content_has_the_digest_that_was_made_of_it(content: bytes) -> None:
    digest = Digest.of(content)

    assert Digest.parse(digest) == digest
    assert digest.names(content)
    assert not digest.names(content + b" ")


def test_a_sha512_digest_proves_content_and_one_of_an_older_release_nothing() -> None:
    assert Digest.parse(f"sha512:{hashlib.sha512(b'x').hexdigest()}").names(b"x")
    assert not Digest("md5:9dd4e461268c8034f5c8564e155c67a6").names(b"x")


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("blake3:abc", True),
        ("sha256+b64u:LCa0a2j_xo=", True),
        (SHA256, False),
        ("sha256:abc", False),
        ("a", False),
    ],
)
def test_a_digest_by_an_unknown_algorithm_is_told_from_what_is_none(text: str, foreign: bool) -> None:
    assert is_foreign(text) is foreign


def test_the_short_form_is_dockers() -> None:
    assert Digest.parse(SHA256).short == "0a0a0a0a0a0a"

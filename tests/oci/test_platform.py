import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument
from dockrev.oci.platform import Platform, choose


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/x86_64", Platform("linux", "amd64")),
        ("Linux/AMD64", Platform("linux", "amd64")),
        ("linux/aarch64", Platform("linux", "arm64")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("linux/armv7l", Platform("linux", "arm", "v7")),
        ("linux/armhf", Platform("linux", "arm", "v7")),
        ("linux/armv6l", Platform("linux", "arm", "v6")),
        ("linux/arm/v6", Platform("linux", "arm", "v6")),
        ("linux/i686", Platform("linux", "386")),
        (" linux/riscv64 ", Platform("linux", "riscv64")),
    ],
)
def test_a_platform_has_one_name(text: str, expected: Platform) -> None:
    assert Platform.parse(text) == expected


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux//v7"])
def test_what_names_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not a platform"):
        Platform.parse(text)


@given(
    st.sampled_from(["linux", "windows", "unknown"]),
    st.sampled_from(["amd64", "x86_64", "arm64", "aarch64", "arm", "armhf", "s390x"]),
    st.sampled_from([None, "", "v5", "v7", "v8"]),
)
def test_the_text_of_a_platform_parses_to_the_same_platform(
    os: str, architecture: str, variant: str | None
) -> None:
    platform = Platform.of(os, architecture, variant)

    assert Platform.parse(str(platform)) == platform


@pytest.mark.parametrize(
    ("host", "offers", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/arm64"], None),
        ("linux/amd64", ["windows/amd64"], None),
        ("linux/amd64", [], None),
        ("linux/arm/v7", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v7", ["linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm/v7", ["linux/arm"], "linux/arm"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], None),
        ("linux/arm", ["linux/arm/v6", "linux/arm/v7"], None),
        ("linux/arm64", ["linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/amd64/v3"], "linux/amd64/v3"),
    ],
)
def test_what_an_engine_would_run_is_chosen(host: str, offers: list[str], chosen: str | None) -> None:
    offered = ((Platform.parse(offer), offer) for offer in offers)

    assert choose(Platform.parse(host), offered) == chosen


def test_attestations_are_no_platform() -> None:
    assert not Platform("unknown", "unknown").known
    assert Platform("linux", "amd64").known

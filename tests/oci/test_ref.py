import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef

DIGEST = Digest(f"sha256:{'0a' * 32}")


@pytest.mark.parametrize(
    ("text", "registry", "path", "tag"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27"),
        ("grafana/grafana", "docker.io", "grafana/grafana", "latest"),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest"),
        ("index.docker.io/library/nginx:1", "docker.io", "library/nginx", "1"),
        ("registry-1.docker.io/a/b:1", "docker.io", "a/b", "1"),
        ("registry.hub.docker.com/nginx", "docker.io", "library/nginx", "latest"),
        ("ghcr.io/org/team/app:v1", "ghcr.io", "org/team/app", "v1"),
        ("GHCR.io/org/app", "ghcr.io", "org/app", "latest"),
        ("localhost/app", "localhost", "app", "latest"),
        ("localhost:5000/app", "localhost:5000", "app", "latest"),
        ("localhost:5000", "docker.io", "library/localhost", "5000"),
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000", "a/b", "c"),
        ("[::1]:5000/app:1", "[::1]:5000", "app", "1"),
        ("registry:5000/app", "registry:5000", "app", "latest"),
        ("Registry/app", "registry", "app", "latest"),
        ("a__b/c--d.e:T_.-", "docker.io", "a__b/c--d.e", "T_.-"),
        (f"nginx:{'t' * 128}", "docker.io", "library/nginx", "t" * 128),
    ],
)
def test_a_reference_means_what_docker_says(text: str, registry: str, path: str, tag: str) -> None:
    assert ImageRef.parse(text) == ImageRef(registry, path, tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "nginx:",
        "nginx@",
        "nginx@sha256:short",
        "NGINX",
        "nginx:-tag",
        f"nginx:{'t' * 129}",
        "nginx:a b",
        " nginx",
        "nginx\n",
        "a//b",
        "/nginx",
        "nginx/",
        "a___b",
        "-a",
        "a-",
        "ghcr.io/",
        "ghcr.io/UPPER/app",
        "-host.io/app",
        "host..io/app",
        "host.io:/app",
        "host.io:port/app",
        "host.io:65536/app",
        "https://ghcr.io/app",
        "user:pass@ghcr.io/app",
        "${IMAGE}",
        "a/" * 130 + "b",
    ],
)
def test_what_docker_refuses_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        ImageRef.parse(text)


@pytest.mark.parametrize("text", [DIGEST, "0a" * 32])
def test_the_id_of_a_local_image_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidArgument, match="id of a local image"):
        ImageRef.parse(text)


def test_a_digest_alone_leaves_the_tag_open_and_a_tag_beside_it_is_kept() -> None:
    assert ImageRef.parse(f"nginx@{DIGEST}") == ImageRef("docker.io", "library/nginx", None, DIGEST)
    assert ImageRef.parse(f"nginx:1@{DIGEST}") == ImageRef("docker.io", "library/nginx", "1", DIGEST)


def test_only_a_digest_pins() -> None:
    ref = ImageRef.parse("nginx:1")

    assert (ref.pinned, ref.at(DIGEST).pinned) == (False, True)
    assert ref.at(DIGEST).tag == "1"


def test_a_whole_name_has_at_most_255_characters() -> None:
    longest = "a" * (255 - len("ghcr.io/"))

    assert ImageRef.parse(f"ghcr.io/{longest}").path == longest
    with pytest.raises(InvalidArgument):
        ImageRef.parse(f"ghcr.io/{longest}a")


_component = st.from_regex(r"[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
_host = st.sampled_from(["docker.io", "ghcr.io", "localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000"])
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_digest = st.binary(max_size=4).map(Digest.of)


@given(
    _host,
    st.lists(_component, min_size=1, max_size=4),
    st.one_of(st.none(), _tag),
    st.one_of(st.none(), _digest),
)
def test_the_text_of_a_reference_parses_to_the_same_reference(
    host: str, components: list[str], tag: str | None, digest: Digest | None
) -> None:
    text = f"{host}/{'/'.join(components)}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    ref = ImageRef.parse(text)

    assert ImageRef.parse(str(ref)) == ref
    assert ref.repository == str(ImageRef(ref.registry, ref.path, None))
    assert ref.digest == digest
    assert ref.tag == (tag or (None if digest else "latest"))


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        ref = ImageRef.parse(text)
    except InvalidArgument:
        return
    assert ImageRef.parse(str(ref)) == ref

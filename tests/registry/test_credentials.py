"""Docker's config.json and credential helpers (real programs on PATH)."""

import asyncio
import base64
import os
import stat
from pathlib import Path

import orjson
import pytest

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.registry.credentials import Credential, CredentialStore, normal_host
from tests.fakes.clock import MovableClock
from tests.registry.conftest import write_auths


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.fixture
def store(docker_config: Path, clock: MovableClock) -> CredentialStore:
    return CredentialStore(docker_config, clock, helper_seconds=1)


@pytest.fixture
def bin_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


def install(directory: Path, name: str, script: str) -> None:
    """A helper that logs what it is asked beside itself, then runs `script`; `$server` is its stdin."""
    program = directory / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\nserver=$(cat)\necho "$1 $server" >> {directory}/asked\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def write_config(path: Path, document: object) -> None:
    write_bytes(path, orjson.dumps(document))


def write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def make_directory(path: Path) -> None:
    path.mkdir()


def asked(directory: Path) -> list[str]:
    log = directory / "asked"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": encoded("alice:pass:word")}, Credential("alice", "pass:word")),
        ({"auth": encoded("alice:padded\0\0")}, Credential("alice", "padded")),
        ({"username": "alice", "password": "secret"}, Credential("alice", "secret")),
        ({"identitytoken": "it"}, Credential("<token>", "it", identity=True)),
        ({"auth": encoded("alice:"), "identitytoken": "it"}, Credential("alice", "it", identity=True)),
        ({"auth": ""}, None),
        ({}, None),
        ({"email": "a@example"}, None),
    ],
)
async def test_an_entry_of_auths_is_a_login(
    store: CredentialStore, docker_config: Path, entry: dict[str, str], expected: Credential | None
) -> None:
    write_auths(docker_config, **{"ghcr.io": entry})

    assert await store.find("ghcr.io") == expected


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("https://registry.example:5000/v2/", "registry.example:5000"),
        ("http://Registry.Example", "registry.example"),
        ("ghcr.io", "ghcr.io"),
    ],
)
def test_keys_of_auths_have_many_forms(key: str, host: str) -> None:
    assert normal_host(key) == host


async def test_no_file_means_no_credentials(store: CredentialStore) -> None:
    assert await store.find("ghcr.io") is None


async def test_the_file_is_read_again_when_it_changes(store: CredentialStore, docker_config: Path) -> None:
    write_auths(docker_config, **{"ghcr.io": {"auth": encoded("alice:one")}})
    assert await store.find("ghcr.io") == Credential("alice", "one")

    write_auths(docker_config, **{"ghcr.io": {"auth": encoded("alice:two")}})
    assert await store.find("ghcr.io") == Credential("alice", "two")

    remove(docker_config)
    assert await store.find("ghcr.io") is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"auths": []}', None),
        (b'{"auths": [1]}', "has auths that is not an object"),
        (b'{"auths": {"ghcr.io": {"auth": "***"}}}', "an entry for ghcr.io whose auth is not base64"),
        (b'{"auths": {"ghcr.io": {"auth": "YWxpY2U="}}}', "whose auth is not user:password"),
    ],
)
async def test_a_broken_file_is_reported_without_its_content(
    store: CredentialStore, docker_config: Path, content: bytes, fault: str | None
) -> None:
    write_bytes(docker_config, content)
    if fault is None:
        assert await store.find("ghcr.io") is None
        return

    with pytest.raises(RegistryError, match=fault) as caught:
        await store.find("ghcr.io")
    assert caught.value.reason is RegistryErrorCode.CREDENTIALS


async def test_a_directory_in_place_of_the_file_is_reported(
    store: CredentialStore, docker_config: Path
) -> None:
    make_directory(docker_config)

    with pytest.raises(RegistryError, match="cannot be read"):
        await store.find("ghcr.io")


def test_a_login_does_not_show_its_secret() -> None:
    assert "hidden" not in repr(Credential("alice", "hidden"))


async def test_a_helper_gets_the_same_input_as_from_docker(
    store: CredentialStore, docker_config: Path, bin_directory: Path
) -> None:
    install(bin_directory, "fake", """echo '{"Username":"alice","Secret":"from helper"}'""")
    write_config(docker_config, {"credsStore": "fake"})

    assert await store.find("docker.io") == Credential("alice", "from helper")
    assert await store.find("ghcr.io") == Credential("alice", "from helper")
    assert asked(bin_directory) == ["get https://index.docker.io/v1/", "get ghcr.io"]


async def test_the_helper_of_a_host_comes_before_the_store(
    store: CredentialStore, docker_config: Path, bin_directory: Path
) -> None:
    install(bin_directory, "own", """echo '{"Username":"<token>","Secret":"identity"}'""")
    install(bin_directory, "all", """echo '{"Username":"bob","Secret":"b"}'""")
    write_config(docker_config, {"credHelpers": {"https://ghcr.io": "own"}, "credsStore": "all"})

    assert await store.find("ghcr.io") == Credential("<token>", "identity", identity=True)
    assert await store.find("quay.io") == Credential("bob", "b")


async def test_auths_count_when_the_helper_has_no_login(
    store: CredentialStore, docker_config: Path, bin_directory: Path
) -> None:
    install(bin_directory, "fake", "echo 'credentials not found in native keychain'; exit 1")
    auths = {"ghcr.io": {"auth": encoded("alice:file")}}
    write_config(docker_config, {"credsStore": "fake", "auths": auths})

    assert await store.find("ghcr.io") == Credential("alice", "file")
    assert await store.find("quay.io") is None


async def test_the_answer_of_a_helper_counts_for_five_minutes(
    store: CredentialStore, docker_config: Path, bin_directory: Path, clock: MovableClock
) -> None:
    install(bin_directory, "fake", """echo '{"Username":"alice","Secret":"s"}'""")
    write_config(docker_config, {"credsStore": "fake"})

    await asyncio.gather(*(store.find("ghcr.io") for _ in range(10)))
    assert len(asked(bin_directory)) == 1

    clock.advance(301)
    await store.find("ghcr.io")
    assert len(asked(bin_directory)) == 2


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("echo leaked-secret; exit 3", "failed with exit code 3"),
        ("echo not json", "did not answer with JSON"),
        ('echo \'{"Secret":"leaked-secret"}\'', "without Username and Secret"),
        ("echo '[]'", "without Username and Secret"),
    ],
)
async def test_a_failing_helper_is_reported_without_its_output(
    store: CredentialStore, docker_config: Path, bin_directory: Path, script: str, fault: str
) -> None:
    install(bin_directory, "fake", script)
    write_config(docker_config, {"credsStore": "fake"})

    with pytest.raises(RegistryError, match=fault) as caught:
        await store.find("ghcr.io")

    assert caught.value.reason is RegistryErrorCode.CREDENTIALS
    assert "leaked-secret" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "fault"), [("missing", "cannot be run"), ("../../bin/sh", "is not the name")]
)
async def test_a_helper_that_cannot_be_run_is_reported(
    store: CredentialStore, docker_config: Path, name: str, fault: str
) -> None:
    write_config(docker_config, {"credsStore": name})

    with pytest.raises(RegistryError, match=fault):
        await store.find("ghcr.io")


async def test_a_hanging_helper_is_killed_with_its_children_and_not_run_again_at_once(
    store: CredentialStore, docker_config: Path, bin_directory: Path, clock: MovableClock
) -> None:
    install(bin_directory, "fake", f"sleep 60 & echo $! > {bin_directory}/child; wait")
    write_config(docker_config, {"credsStore": "fake"})

    for _ in range(3):
        with pytest.raises(RegistryError, match="gave no answer within 1 s"):
            await store.find("ghcr.io")

    assert len(asked(bin_directory)) == 1
    await ended(int((bin_directory / "child").read_text()))
    clock.advance(31)
    install(bin_directory, "fake", """echo '{"Username":"alice","Secret":"s"}'""")
    assert await store.find("ghcr.io") == Credential("alice", "s")


async def ended(pid: int) -> None:
    async with asyncio.timeout(5):
        while alive(pid):  # noqa: ASYNC110 -- the end of a grandchild is told to nobody
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Running; a zombie that its new parent has not fetched yet is dead."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False

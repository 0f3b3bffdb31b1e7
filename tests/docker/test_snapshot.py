from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockrev.docker.labels import MAX_TEXT_LENGTH, parse_labels
from dockrev.docker.snapshot import (
    Container,
    ContainerState,
    Health,
    HostSnapshot,
    LocalImage,
    by_service,
)
from dockrev.oci.digest import Digest

DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
NUMBER, ONEOFF = "com.docker.compose.container-number", "com.docker.compose.oneoff"


def entry(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "Id": "c" * 64,
        "Names": ["/blog-web-1"],
        "Image": "nginx:1.27",
        "ImageID": "sha256:image",
        "Created": 1_700_000_000,
        "State": "running",
        "Status": "Up 3 seconds (healthy)",
        "Labels": {PROJECT: "blog", SERVICE: "web", NUMBER: "1", ONEOFF: "False"},
    }
    return whole | changes


def container(labels: Mapping[str, str], **changes: object) -> Container:
    return Container.from_list(entry(Labels=labels, **changes))


def test_a_container_of_the_list_is_parsed() -> None:
    web = Container.from_list(entry())

    assert (web.id, web.name, web.image, web.image_id) == (
        "c" * 64,
        "blog-web-1",
        "nginx:1.27",
        "sha256:image",
    )
    assert (web.state, web.health) == (ContainerState.RUNNING, Health.HEALTHY)
    assert (web.project, web.service, web.number, web.oneoff) == ("blog", "web", 1, False)
    assert web.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 seconds (healthy)", Health.HEALTHY),
        ("Up 3 seconds (unhealthy)", Health.UNHEALTHY),
        ("Up Less than a second (health: starting)", Health.STARTING),
        ("Up 3 seconds", None),
        ("Up 3 seconds (Paused)", None),
        ("Exited (137) 2 days ago", None),
        ("", None),
    ],
)
def test_health_is_parsed_from_the_status_text(status: str, health: Health | None) -> None:
    assert Container.from_list(entry(Status=status)).health is health


@pytest.mark.parametrize("word", ["created", "running", "paused", "restarting", "removing", "exited", "dead"])
def test_every_state_is_parsed(word: str) -> None:
    assert Container.from_list(entry(State=word)).state == word


@pytest.mark.parametrize("word", ["teleporting", "", None, 7])
def test_an_unfamiliar_state_is_unknown(word: object) -> None:
    assert Container.from_list(entry(State=word)).state is ContainerState.UNKNOWN


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["/web/db", "/blog-db-1"], "blog-db-1"),
        (["/only/linked"], "c" * 12),
        ([], "c" * 12),
        (None, "c" * 12),
    ],
)
def test_the_name_of_a_container_is_not_that_of_a_link(names: object, name: str) -> None:
    assert Container.from_list(entry(Names=names)).name == name


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_a_blank_label_counts_as_absent(blank: str | None) -> None:
    labels = {} if blank is None else {PROJECT: blank, SERVICE: blank}

    assert container(labels).project is None
    assert container(labels).service is None


@pytest.mark.parametrize("number", ["", "one", "-1", "1" * 5000, "1.5"])
def test_an_invalid_replica_number_is_absent(number: str) -> None:
    assert container({NUMBER: number}).number is None


def test_a_huge_label_is_cut() -> None:
    labels = container({"big": "x" * 1_000_000}).labels

    assert len(labels["big"]) == MAX_TEXT_LENGTH


def test_characters_that_cannot_be_encoded_are_replaced() -> None:
    labels = parse_labels({"lone": "a\ud800b", "nul": "a\0b", "flag": None})

    assert labels == {"lone": "a?b", "nul": "a\N{REPLACEMENT CHARACTER}b", "flag": ""}


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers()) | st.none() | st.lists(st.text()))
def test_invalid_labels_do_not_break_a_container(labels: Any) -> None:
    parsed = Container.from_list(entry(Labels=labels))

    assert (parsed.project or "x").strip()
    for name, value in parsed.labels.items():
        assert "\0" not in (name + value).encode("utf-8").decode()


@pytest.mark.parametrize("broken", [{"Id": None, "ImageID": 1}, {}, {"Id": "x"}])
def test_an_invalid_container_entry_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        Container.from_list(broken)


def test_repo_digests_have_normalised_repositories() -> None:
    image = LocalImage.from_list(
        {
            "Id": "sha256:image",
            "RepoDigests": [
                f"nginx@{DIGEST}",
                f"LOCALHOST:5000/Team@{DIGEST}",  # a name that no registry accepts
                f"localhost:5000/team/web@{OTHER}",
                "<none>@<none>",
                f"index.docker.io/library/nginx@{OTHER}",
            ],
            "Labels": None,
        }
    )

    assert image.repo_digests == (
        ("docker.io/library/nginx", DIGEST),
        ("localhost:5000/team/web", OTHER),
        ("docker.io/library/nginx", OTHER),
    )
    assert image.digests_of("docker.io/library/nginx") == (Digest.parse(DIGEST), Digest.parse(OTHER))
    assert image.digests_of("docker.io/library/redis") == ()


@pytest.mark.parametrize("none", [None, []])
def test_an_image_built_here_has_no_repo_digests(none: object) -> None:
    assert LocalImage.from_list({"Id": "sha256:image", "RepoDigests": none}).repo_digests == ()


def test_one_off_containers_belong_to_the_project_but_not_to_the_service() -> None:
    snapshot = HostSnapshot.from_lists(
        [
            entry(Id="2", Labels={PROJECT: "blog", SERVICE: "web", NUMBER: "2"}),
            entry(Id="1", Labels={PROJECT: "blog", SERVICE: "web", NUMBER: "1"}),
            entry(Id="run", Labels={PROJECT: "blog", SERVICE: "web", ONEOFF: "True"}),
            entry(Id="stray", Labels={PROJECT: "", SERVICE: "web"}),
            entry(Id="nameless", Labels={PROJECT: "blog", SERVICE: ""}),
        ],
        [],
    )

    blog = snapshot.projects()["blog"]
    assert list(snapshot.projects()) == ["blog"]
    assert [item.id for item in blog] == ["2", "1", "run", "nameless"]
    assert {name: [item.id for item in group] for name, group in by_service(blog).items()} == {
        "web": ["1", "2"]
    }

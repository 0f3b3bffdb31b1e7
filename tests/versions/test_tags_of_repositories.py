"""Tables of real tag lists, with the expected order and versions."""

import random

import pytest

from dockrev.versions.tags import learn, newest_first, resolved
from tests.versions.community_images import COMMUNITY_IMAGES
from tests.versions.official_images import OFFICIAL_IMAGES
from tests.versions.project_images import PROJECT_IMAGES
from tests.versions.tag_lists import Question, Repository
from tests.versions.tooling_images import TOOLING_IMAGES

REPOSITORIES = (*OFFICIAL_IMAGES, *PROJECT_IMAGES, *COMMUNITY_IMAGES, *TOOLING_IMAGES)
LINES = [
    pytest.param(repository, used, expected.split(), id=f"{repository}:{used}")
    for repository in REPOSITORIES
    for used, expected in repository.lines.items()
]
QUESTIONS = [
    pytest.param(question, id=f"{repository}:{question.used}")
    for repository in REPOSITORIES
    for question in repository.questions
]


def shuffled(tags: list[str], seed: int) -> list[str]:
    return random.Random(seed).sample(tags, len(tags))


@pytest.mark.parametrize("repository", REPOSITORIES, ids=str)
def test_the_table_is_large_and_names_every_tag_once(repository: Repository) -> None:
    tags = repository.all()
    assert len(tags) >= 30
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(("repository", "used", "expected"), LINES)
@pytest.mark.parametrize("seed", range(3))
def test_the_line_of_the_used_tag_comes_first_with_the_newest_ahead(
    repository: Repository, used: str, expected: list[str], seed: int
) -> None:
    assert set(expected) <= set(repository.all())
    ordered = newest_first(shuffled(repository.all(), seed), used)
    assert ordered[: len(expected)] == expected


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_version_of_a_digest_is_found(question: Question, seed: int) -> None:
    tags = shuffled(question.tags.split(), seed)
    assert resolved(tags, question.used) == question.expected.split()


@pytest.mark.parametrize("repository", REPOSITORIES, ids=str)
def test_tags_that_name_no_version_are_recognized(repository: Repository) -> None:
    scheme = learn(repository.all())
    nameless = set(repository.nameless.split())
    assert {tag for tag in nameless if scheme.version(tag)} == set()
    named = {tag for used in repository.lines.values() for tag in used.split()}
    assert {tag for tag in named if not scheme.version(tag)} == set()


@pytest.mark.parametrize("repository", REPOSITORIES, ids=str)
def test_every_tag_is_kept_and_signatures_come_last(repository: Repository) -> None:
    ordered = newest_first(repository.all(), "latest")
    assert sorted(ordered) == sorted(repository.all())
    signatures = [tag for tag in ordered if tag.endswith((".sig", ".att"))]
    assert ordered[len(ordered) - len(signatures) :] == signatures

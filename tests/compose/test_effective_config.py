"""Renders real files with real Compose, V2 and V1."""

from collections.abc import Awaitable, Mapping

import pytest

from dockrev.compose.cli import Compose
from dockrev.compose.models import ComposeService, EffectiveConfig
from dockrev.errors import ComposeError
from tests.compose.conftest import Folder, real_compose
from tests.testbed.projects import ComposeVersion


def images(config: EffectiveConfig) -> Mapping[str, str | None]:
    return {service.name: service.image for service in config.services}


def labels(config: EffectiveConfig, service: str) -> Mapping[str, str]:
    return next(item.labels for item in config.services if item.name == service)


async def test_a_plain_project_is_rendered(compose: Compose, folder: Folder) -> None:
    files = folder.compose(
        """
services:
  web:
    image: nginx:1.27
    labels: {dockrev.watch: "false", number: 3, empty: ""}
  worker:
    build: .
  both:
    image: team/app:1
    build: .
    labels: [a=b, c]
"""
    )

    config = await compose.effective_config(files)

    assert sorted(config.services, key=lambda service: service.name) == [
        ComposeService("both", "team/app:1", True, {"a": "b", "c": ""}),
        ComposeService("web", "nginx:1.27", False, {"dockrev.watch": "false", "number": "3", "empty": ""}),
        ComposeService("worker", None, True, {}),
    ]
    assert config.warnings == ()


async def test_variables_come_from_the_env_file_of_the_directory(compose: Compose, folder: Folder) -> None:
    folder.write(".env", "TAG=1.27\n")
    files = folder.compose("services: {web: {image: 'nginx:${TAG}'}, db: {image: 'redis:${OTHER:-7}'}}")

    assert images(await compose.effective_config(files)) == {"web": "nginx:1.27", "db": "redis:7"}


async def test_variables_come_from_the_named_env_file(compose: Compose, folder: Folder) -> None:
    folder.write(".env", "TAG=wrong\n")
    folder.write("live.env", "TAG=1.27\n")
    folder.compose("services: {web: {image: 'nginx:${TAG}'}}")

    config = await compose.effective_config(folder.project(env_files=("live.env",)))

    assert images(config) == {"web": "nginx:1.27"}


async def test_a_later_env_file_wins(compose: Compose, folder: Folder) -> None:
    folder.write("a.env", "TAG=1\nNAME=nginx\n")
    folder.write("b.env", "TAG=2\n")
    folder.compose("services: {web: {image: '${NAME:-nginx}:${TAG}'}}")

    config = await compose.effective_config(folder.project(env_files=("a.env", "b.env")))

    assert images(config) == {"web": "nginx:2"}
    assert len(config.warnings) == (1 if compose.major == 1 else 0)


async def test_variables_of_dockrevs_process_do_not_reach_a_project(
    compose: Compose, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "ours")
    monkeypatch.setenv("DOCKREV_DB_PATH", "ours")
    files = folder.compose("services: {web: {image: 'nginx:${TAG:-theirs}${DOCKREV_DB_PATH:-}'}}")

    assert images(await compose.effective_config(files)) == {"web": "nginx:theirs"}


async def test_an_undefined_variable_gives_a_warning(compose: Compose, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: 'nginx:1${TAG}'}, db: {image: 'redis:7${TAG}'}}")

    config = await compose.effective_config(files)

    assert images(config) == {"web": "nginx:1", "db": "redis:7"}
    assert len(config.warnings) == 1
    assert config.warnings[0].replace('"', "") == (
        "The TAG variable is not set. Defaulting to a blank string."
    )


async def test_an_obsolete_version_attribute_gives_no_warning(compose: Compose, folder: Folder) -> None:
    files = folder.compose("version: '3.8'\nservices: {web: {image: nginx}}")

    assert (await compose.effective_config(files)).warnings == ()


async def test_an_escaped_dollar_becomes_a_dollar(compose: Compose, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: nginx, labels: {rule: 'a$$b$$$$c'}}}")

    assert labels(await compose.effective_config(files), "web") == {"rule": "a$b$$c"}


async def test_overrides_are_applied_in_order(compose: Compose, folder: Folder) -> None:
    folder.compose("version: '3.8'\nservices: {web: {image: 'nginx:1', labels: {a: '1', b: '1'}}}")
    folder.write("more.yaml", "version: '3.8'\nservices: {web: {image: 'nginx:2', labels: {b: '2'}}}")

    config = await compose.effective_config(folder.project("compose.yaml", "more.yaml"))

    assert images(config) == {"web": "nginx:2"}
    assert labels(config, "web") == {"a": "1", "b": "2"}


async def test_services_of_every_profile_are_listed(compose: Compose, folder: Folder) -> None:
    files = folder.compose(
        "services: {web: {image: nginx}, debug: {image: busybox, profiles: [debug, other]}}"
    )

    assert images(await compose.effective_config(files)) == {"web": "nginx", "debug": "busybox"}


async def test_anchors_and_extends_are_followed(compose: Compose, folder: Folder) -> None:
    folder.write("parent.yaml", "services: {web: {image: 'nginx:1.27', labels: {from: parent}}}")
    files = folder.compose(
        """
x-shared: &shared
  labels: {shared: "yes"}
services:
  web:
    extends: {file: parent.yaml, service: web}
  db:
    <<: *shared
    image: redis:7
"""
    )

    config = await compose.effective_config(files)

    assert images(config) == {"web": "nginx:1.27", "db": "redis:7"}
    assert (labels(config, "web"), labels(config, "db")) == ({"from": "parent"}, {"shared": "yes"})


async def test_includes_are_followed(folder: Folder) -> None:
    compose = await real_compose(ComposeVersion.V2)
    folder.write("parts/db.yaml", "services: {db: {image: 'redis:${TAG}'}}")
    folder.write("parts/.env", "TAG=7\n")
    files = folder.compose("include: [parts/db.yaml]\nservices: {web: {image: nginx}}")

    assert images(await compose.effective_config(files)) == {"web": "nginx", "db": "redis:7"}


async def test_merge_tags_are_applied(folder: Folder) -> None:
    compose = await real_compose(ComposeVersion.V2)
    folder.compose("services: {web: {image: nginx, labels: {a: b}}}")
    folder.write("more.yaml", "services: {web: {labels: !override {c: d}}}")

    config = await compose.effective_config(folder.project("compose.yaml", "more.yaml"))

    assert labels(config, "web") == {"c": "d"}


async def test_files_that_compose_cannot_render_are_merged_as_written(
    compose: Compose, folder: Folder
) -> None:
    folder.compose("services: {web: {image: 'nginx:1', labels: [a=1]}, db: {image: redis, nonsense: 1}}")
    folder.write("more.yaml", "services: {web: {labels: {b: 2}, build: .}, db: {image: 'redis:${TAG}'}}")

    config = await compose.effective_config(folder.project("compose.yaml", "more.yaml"))

    assert config.services == (
        ComposeService("web", "nginx:1", True, {"a": "1", "b": "2"}),
        ComposeService("db", "redis:${TAG}", False, {}),
    )
    (warning,) = config.warnings
    assert warning.startswith(f"Compose could not render {folder.path}/compose.yaml (")
    assert "nonsense" in warning


async def test_a_missing_required_variable_is_named(compose: Compose, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: 'nginx:${TAG:?set the tag}'}}")

    (warning,) = (await compose.effective_config(files)).warnings

    assert "set the tag" in warning


SECRETIVE = {
    "a broken template": "services: {web: {image: a, environment: {PASSWORD: 's3cret${X'}}}",
    "a broken image": "services: {web: {image: 's3cret${X'}}",
    "a mapping": "services: {web: {image: a, environment: {PASSWORD: {a: s3cret}}}}",
    "a list": "services: {web: {image: a, environment: {PASSWORD: [s3cret]}}}",
    "a text": "services: {web: {image: a, environment: s3cret}}",
    "a mandatory one": "services: {web: {image: a, environment: {P: 's3cret${X:?}'}}}",
    "a port": "services: {web: {image: a, ports: ['s3cret:80']}}",
    "a command": "services: {web: {image: a, command: {s3cret: s3cret}}}",
    "an unfinished quote": 'services: {web: {image: a, environment: {P: "s3cret}}}',
    "a tab": "services:\n\tweb: s3cret",
}


@pytest.mark.parametrize("written", SECRETIVE.values(), ids=SECRETIVE.keys())
async def test_no_warning_or_error_repeats_a_value(compose: Compose, folder: Folder, written: str) -> None:
    files = folder.compose(written)

    assert "s3cret" not in await complaint(compose.effective_config(files))


@pytest.mark.parametrize(
    "written",
    [
        'A="s3cret\nB=s3cret',
        "PASS WORD=s3cret",
        "s3cret!=x",
        "A=${s3cret",
        "A='s3cret",
        "=s3cret",
        "- s3cret: 'x",
    ],
)
async def test_no_warning_or_error_repeats_a_line_of_an_env_file(
    compose: Compose, folder: Folder, written: str
) -> None:
    folder.write(".env", written)
    files = folder.compose("services: {web: {image: nginx}}")

    assert "s3cret" not in await complaint(compose.effective_config(files))


async def complaint(question: Awaitable[EffectiveConfig]) -> str:
    try:
        config = await question
    except ComposeError as error:
        return f"{error.message} {error.details}"
    return " ".join(config.warnings)

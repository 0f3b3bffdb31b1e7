import pytest
from structlog.testing import capture_logs

from dockrev.discovery.models import Action, ActionKind, ProjectStatus
from tests.discovery.host import CONFIG_FILES, WORKING_DIRECTORY, DiscoveryHost

WEB = "services: {web: {image: nginx}}"


async def only_action(host: DiscoveryHost) -> Action:
    (action,) = (await host.scanner.scan()).actions
    return action


async def image_of(host: DiscoveryHost, service: str = "web") -> str | None:
    return (await host.service("blog", service)).image_ref


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (None, "config_files_missing"),
        ("", "config_files_empty"),
        (" ,\n", "config_files_empty"),
        ("compose.yaml", "config_files_relative_path_rejected"),
        ("/a.yaml,./b.yaml", "config_files_relative_path_rejected"),
    ],
)
async def test_labels_that_name_no_files_make_a_project_invalid(
    host: DiscoveryHost, label: str | None, reason: str
) -> None:
    host.run("blog", "web", labels={} if label is None else {CONFIG_FILES: label})

    action = await only_action(host)

    assert (action.kind, action.reason, action.stack_id) == (ActionKind.FAILED, reason, None)
    assert (await host.project("blog")).last_error == reason


@pytest.mark.parametrize(
    "label",
    [
        "/" + "x" * 100_000,
        "/srv/\udcff/compose.yaml",
        "/srv/\0/compose.yaml",
        "/proc/self/mem",
        "/dev/zero",
        "/",
        f"/{'x' * 300}/compose.yaml",
        "/srv/" + ",/srv/".join(map(str, range(3000))),
    ],
    ids=["100 KB", "not UTF-8", "NUL", "memory", "device", "directory", "long name", "3000 files"],
)
async def test_misleading_file_labels_make_only_their_project_invalid(
    host: DiscoveryHost, label: str
) -> None:
    host.run("blog", "web", labels={CONFIG_FILES: label})
    host.deploy("shop", WEB, "web")

    bad, good = (await host.scanner.scan()).actions

    assert (bad.kind, good.kind) == (ActionKind.FAILED, ActionKind.CREATED)
    assert (bad.reason or "").startswith("compose_file_")
    assert len(bad.reason or "") < 6000


@pytest.mark.parametrize(
    "path",
    ["/" + "x" * 300, "/\0", "/" + "x/" * 10_000, "/dev/null", "/srv/\udcff"],
    ids=["long name", "NUL", "deep", "file", "not UTF-8"],
)
@pytest.mark.parametrize("label", [WORKING_DIRECTORY, "com.docker.compose.project.environment_file"])
async def test_misleading_directory_and_env_file_labels_do_not_hide_a_project(
    host: DiscoveryHost, label: str, path: str
) -> None:
    host.deploy("blog", WEB, "web", labels={label: path})
    host.deploy("shop", WEB, "web")

    actions = {action.project: action for action in (await host.scanner.scan()).actions}

    assert actions["shop"].kind is ActionKind.CREATED
    assert actions["blog"].reason is None or actions["blog"].reason.startswith(("warning: ", "compose_file_"))


@pytest.mark.parametrize("reference", ["x" * 300, "/" + "x" * 300, "x/" * 5000, "/proc/self/mem"])
async def test_references_to_impossible_files_affect_only_their_project(
    host: DiscoveryHost, reference: str
) -> None:
    extends = f"services: {{web: {{extends: {{file: '{reference}', service: web}}}}}}"
    host.deploy("blog", extends, "web")
    host.deploy("shop", WEB, "web")

    actions = {action.project: action for action in (await host.scanner.scan()).actions}

    assert actions["shop"].kind is ActionKind.CREATED
    assert (actions["blog"].reason or "").startswith("warning: Compose could not render")


async def test_a_long_path_is_shortened_and_the_reason_stays(
    host: DiscoveryHost,
) -> None:
    host.run("blog", "web", labels={CONFIG_FILES: "/" + "x" * 50_000})

    assert "(File name too long)" in ((await only_action(host)).reason or "")


async def test_an_unmounted_directory_gives_an_error_with_the_mount_to_add(host: DiscoveryHost) -> None:
    away = host.directory / "away"
    labels = {CONFIG_FILES: f"{away}/compose.yaml", WORKING_DIRECTORY: str(away)}
    host.run("blog", "web", labels=labels)

    reason = (await only_action(host)).reason or ""

    assert reason.startswith(f"compose_file_unreadable: {away}/compose.yaml (")
    assert reason.endswith(f"; add to Dockrev's volumes:  - {away}:{away}:ro")


async def test_a_missing_file_in_a_mounted_directory_needs_no_mount(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web")
    (host.directory / "blog/compose.yaml").unlink()

    reason = (await only_action(host)).reason or ""

    assert reason.startswith("compose_file_unreadable: ")
    assert "volumes:" not in reason


@pytest.mark.parametrize("compose", ["services: {}", "{}", "", "volumes: {data: {}}"])
async def test_a_project_without_services_is_invalid(host: DiscoveryHost, compose: str) -> None:
    host.deploy("blog", compose, "web")

    assert (await only_action(host)).reason == "compose_no_services"


async def test_paths_with_spaces_are_read(host: DiscoveryHost) -> None:
    file = host.write("my blog/the compose.yaml", WEB)
    host.run("blog", "web", labels={CONFIG_FILES: str(file), WORKING_DIRECTORY: str(file.parent)})

    assert (await only_action(host)).kind is ActionKind.CREATED


async def test_variables_come_from_the_env_files_of_the_label(host: DiscoveryHost) -> None:
    env_file = host.write("blog/prod.env", "TAG=1.27\n")
    labels = {"com.docker.compose.project.environment_file": str(env_file)}
    host.deploy("blog", 'services: {web: {image: "nginx:$TAG"}}', "web", labels=labels)

    await host.scanner.scan()

    assert await image_of(host) == "nginx:1.27"


async def test_an_undefined_variable_gives_a_warning_on_an_active_project(host: DiscoveryHost) -> None:
    host.deploy("blog", 'services: {web: {image: "nginx:${TAG:-1}", user: "$NOBODY"}}', "web")

    action = await only_action(host)

    project = await host.project("blog")
    assert (action.kind, project.status) == (ActionKind.CREATED, ProjectStatus.ACTIVE)
    assert action.reason == project.last_error
    assert (action.reason or "").startswith("warning: ")
    assert "NOBODY" in (action.reason or "")


async def test_files_that_compose_cannot_render_are_merged_with_a_warning(host: DiscoveryHost) -> None:
    host.deploy("blog", 'services: {web: {image: "nginx:${TAG:?set the tag}"}}', "web")

    action = await only_action(host)

    assert action.kind is ActionKind.CREATED
    assert (action.reason or "").startswith("warning: Compose could not render")
    assert await image_of(host) == "nginx:${TAG:?set the tag}"


async def test_a_safe_override_of_some_containers_is_part_of_the_project(host: DiscoveryHost) -> None:
    host.deploy("blog", "services: {web: {image: nginx}, db: {image: postgres}}", "db")
    override = host.write("blog/override.yaml", "services: {web: {image: 'nginx:1.27'}}")
    both = f"{host.directory}/blog/compose.yaml,{override}"
    host.run("blog", "web", labels={CONFIG_FILES: both})

    action = await only_action(host)

    assert (action.kind, action.reason) == (ActionKind.CREATED, "warning:config_files_superset_selected")
    assert action.details["kind"] == "config_files_variants"
    assert (await host.project("blog")).config_files == tuple(both.split(","))
    assert await image_of(host) == "nginx:1.27"


async def test_a_missing_override_is_left_out(host: DiscoveryHost) -> None:
    host.deploy("blog", "services: {web: {image: nginx}, db: {image: postgres}}", "db")
    file = f"{host.directory}/blog/compose.yaml"
    host.run("blog", "web", labels={CONFIG_FILES: f"{file},/tmp/dockrev-override-blog.yml"})

    action = await only_action(host)

    assert action.reason == "warning:config_files_extra_unreadable_fallback_common"
    assert (await host.project("blog")).config_files == (file,)


async def test_containers_with_contradicting_files_are_a_conflict(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web")
    host.run("blog", "db", labels={CONFIG_FILES: str(host.write("other/compose.yaml", WEB))})

    action = await only_action(host)

    assert action.kind is ActionKind.FAILED
    assert (action.reason or "").startswith("config_files_conflict: ")
    assert action.details["selected"] == {"mode": "invalid_no_superset", "configFiles": []}


async def test_containers_of_an_unknown_service_are_logged_once(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web", "old")

    with capture_logs() as lines:
        await host.scanner.scan()
        await host.scanner.scan()

    orphans = [line for line in lines if line["action"] == "discovery.orphans"]
    assert [(line["project"], line["service"]) for line in orphans] == [("blog", "old")]
    assert [service.name for service in (await host.stack("blog")).services] == ["web"]


async def test_a_scaled_service_is_one_service_with_all_its_containers(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web", "web", "web")
    host.fake.containers[2].status = "Up 3 seconds (unhealthy)"

    await host.scanner.scan()

    runtime = (await host.service("blog", "web")).runtime
    assert (runtime.total, runtime.running, runtime.unhealthy, len(runtime.images)) == (3, 3, 1, 1)


async def test_an_unreadable_project_starts_no_child_process(host: DiscoveryHost) -> None:
    host.deploy("good", WEB, "web")
    host.deploy("blog", WEB, "web")
    (host.directory / "blog/compose.yaml").unlink()

    await host.scanner.scan()
    await host.scanner.scan()

    assert host.compose_calls == 1

import pytest

from dockrev.discovery.runtime import runtime_of
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.stacks.models import RunningImage, Runtime
from tests.discovery.containers import DIGEST, OTHER_DIGEST, container, snapshot

NGINX = "docker.io/library/nginx"
HOST = snapshot(
    images={
        "one": ((NGINX, DIGEST), ("ghcr.io/acme/nginx", OTHER_DIGEST)),
        "two": ((NGINX, OTHER_DIGEST),),
        "built": (),
    }
)


def test_a_service_without_containers_has_an_empty_runtime() -> None:
    assert runtime_of((), "nginx", HOST) == Runtime()


def test_only_digests_of_the_services_repository_count() -> None:
    runtime = runtime_of((container(image_id="one"),), "nginx:1.27", HOST)

    assert runtime == Runtime(1, 1, 0, (RunningImage("one", (DIGEST,)),))


@pytest.mark.parametrize("image_ref", [None, "", "nginx:${TAG}", "UPPER/case", "redis"])
def test_a_reference_without_a_local_digest_has_no_digests(image_ref: str | None) -> None:
    assert runtime_of((container(image_id="one"),), image_ref, HOST).images == (RunningImage("one", ()),)


def test_images_are_listed_once_in_container_order() -> None:
    replicas = tuple(
        container(number=number, image_id=image) for number, image in enumerate(("two", "one", "two"), 1)
    )

    assert [image.image_id for image in runtime_of(replicas, "nginx", HOST).images] == ["two", "one"]


def test_running_containers_decide_the_images() -> None:
    replicas = (
        container(number=1, image_id="two", state=ContainerState.EXITED),
        container(number=2, image_id="one"),
    )

    runtime = runtime_of(replicas, "nginx", HOST)

    assert (runtime.total, runtime.running) == (2, 1)
    assert [image.image_id for image in runtime.images] == ["one"]


def test_stopped_containers_decide_when_none_runs() -> None:
    runtime = runtime_of((container(image_id="two", state=ContainerState.EXITED),), "nginx", HOST)

    assert (runtime.total, runtime.running) == (1, 0)
    assert runtime.images == (RunningImage("two", (OTHER_DIGEST,)),)


@pytest.mark.parametrize("state", [state for state in ContainerState if state is not ContainerState.RUNNING])
def test_no_other_state_counts_as_running(state: ContainerState) -> None:
    assert runtime_of((container(state=state),), "nginx", HOST).running == 0


def test_unhealthy_running_containers_are_counted() -> None:
    replicas = (
        container(number=1, health=Health.UNHEALTHY),
        container(number=2, health=Health.STARTING),
        container(number=3, health=Health.HEALTHY),
        container(number=4),
        container(number=5, health=Health.UNHEALTHY, state=ContainerState.EXITED),
    )

    assert runtime_of(replicas, "nginx", HOST).unhealthy == 1


def test_a_deleted_image_has_no_digests() -> None:
    assert runtime_of((container(image_id="gone"),), "nginx", HOST).images == (RunningImage("gone", ()),)


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        ({"org.opencontainers.image.version": "1.4.0"}, "1.4.0"),
        ({"org.opencontainers.image.version": ""}, None),
        ({"version": "1.4.0"}, None),
    ],
)
def test_the_version_label_of_an_image_is_read(labels: dict[str, str], version: str | None) -> None:
    labelled = snapshot(images={"one": ((NGINX, DIGEST),)}, image_labels=labels)
    runtime = runtime_of((container(image_id="one"),), "nginx", labelled)
    assert runtime.images == (RunningImage("one", (DIGEST,), version),)

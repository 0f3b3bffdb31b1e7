"""Builds services, stacks and what is known of their images."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from dockrev.docker.self_service import OwnService
from dockrev.hosts.local import LOCAL
from dockrev.ignores.models import IgnoreRule
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform
from dockrev.stacks.models import (
    ObservedService,
    ObservedStack,
    RunningImage,
    Runtime,
    Service,
    ServiceSettings,
    Stack,
)
from dockrev.stacks.update_state import RegistryFacts, UpdateState, evaluate
from dockrev.stacks.views import Context, StackView, view_of
from dockrev.versions.models import (
    DigestKey,
    DigestSnapshot,
    InferenceReason,
    InferenceTask,
    Lookup,
    ScanCounts,
    VersionKnowledge,
)

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
WEB = "docker.io/library/web"


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


OLD, NEW = digest("old"), digest("new")


def running(
    *images: Digest | tuple[Digest, ...], total: int = 1, unhealthy: int = 0, version: str | None = None
) -> Runtime:
    """All containers run. Each image has one digest, or several, or none of a registry: `()`.

    `version`: their version label.
    """
    known = tuple(
        RunningImage(f"sha256:image-{number}", image if isinstance(image, tuple) else (image,), version)
        for number, image in enumerate(images)
    )
    return Runtime(total, total, unhealthy, known)


def stopped(*images: Digest) -> Runtime:
    return Runtime(1, 0, 0, running(*images).images)


def service(
    image_ref: str | None = "web",
    runtime: Runtime = Runtime(),  # noqa: B008 -- frozen
    *,
    name: str = "web",
    builds: bool = False,
    watched: bool = True,
    removed: bool = False,
    archived: bool = False,
) -> Service:
    return Service(
        id=f"svc_{name}",
        host_id=LOCAL,
        stack_id="stk_blog",
        name=name,
        image_ref=image_ref,
        builds=builds,
        watched=watched,
        runtime=runtime,
        config_digest="",
        settings=ServiceSettings(True, {}, {}, None),
        archived=archived,
        removed=removed,
        updated_at=NOON,
    )


def stack(*services: Service, runtime_known: bool = True, archived: bool = False) -> Stack:
    return Stack(
        "stk_blog", LOCAL, "blog", ("/srv/compose.yml",), runtime_known, archived, NOON, NOON, services
    )


def index(name: Digest, **children: Digest) -> ImageFacts:
    """`index(NEW, amd64=..., arm_v7=...)` has the given platform manifests."""
    return ImageFacts(
        name,
        tuple(
            Child(Platform.parse(f"linux/{platform.replace('_', '/')}"), child)
            for platform, child in children.items()
        ),
    )


def tag(
    digest: Digest | None, *, repository: str = WEB, name: str = "latest", error: CheckError | None = None
) -> TagState:
    return TagState(repository, name, digest, NOON if digest else None, error)


def knowledge(*tags: TagState, facts: Sequence[ImageFacts] = ()) -> RegistryFacts:
    states: Mapping[tuple[str, str], TagState] = {state.key: state for state in tags}
    return RegistryFacts(states, {each.digest: each for each in facts})


def views_of(stacks: Iterable[Stack], context: Context) -> list[StackView]:
    return [view_of(stack, context) for stack in stacks]


def state_of(service: Service, facts: RegistryFacts, platform: Platform = AMD64) -> UpdateState:
    return evaluate(service, facts, platform)


def snapshot(
    digest: Digest,
    *tags: str,
    repository: str = WEB,
    checked_at: datetime = NOON,
    scan: ScanCounts = ScanCounts(total=4, considered=4, ok=4),  # noqa: B008 -- frozen
) -> DigestSnapshot:
    return DigestSnapshot(DigestKey(repository, digest, AMD64), tags, checked_at, scan)


def task(digest: Digest, reason: InferenceReason = InferenceReason.NEW_VERSION) -> InferenceTask:
    return InferenceTask(Lookup(DigestKey(WEB, digest, AMD64), reason), NOON, NOON)


def versions(*known: DigestSnapshot, tasks: Iterable[InferenceTask] = ()) -> VersionKnowledge:
    return VersionKnowledge({}, {each.key: each for each in known}, {each.key: each for each in tasks})


OWN_IMAGE = "ghcr.io/acme/dockrev"


def context(
    images: RegistryFacts,
    *snapshots: DigestSnapshot,
    tasks: Iterable[InferenceTask] = (),
    rules: Iterable[IgnoreRule] = (),
    own: OwnService | None = OwnService(OWN_IMAGE),  # noqa: B008 -- frozen
) -> Context:
    """`rules`: the rules of the service `web`."""
    return Context(images, AMD64, versions(*snapshots, tasks=tasks), {"svc_web": tuple(rules)}, NOON, own)


def observed(project: str = "blog", **services: str | ObservedService) -> ObservedStack:
    """`observed(web="nginx:1", db=observed_service("db", ...))` has these two services."""
    observed_services = tuple(
        image if isinstance(image, ObservedService) else observed_service(name, image)
        for name, image in services.items()
    )
    return ObservedStack(project, (f"/srv/{project}/compose.yml",), observed_services)


def observed_service(
    name: str,
    image_ref: str | None,
    runtime: Runtime = Runtime(),  # noqa: B008 -- frozen
    *,
    builds: bool = False,
    watched: bool = True,
) -> ObservedService:
    return ObservedService(name, image_ref, builds, watched, runtime)

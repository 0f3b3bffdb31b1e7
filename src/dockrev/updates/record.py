"""What a service was before the update: enough to prove that nothing was lost, and to go back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pydantic import TypeAdapter

from dockrev.compose.models import ProjectFiles
from dockrev.docker.data import BackupTarget, target_of
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.errors import InvalidArgument, Json
from dockrev.oci.ref import ImageRef
from dockrev.replacement.health import HealthLimits, HealthVerdict, assess
from dockrev.replacement.proof import Fingerprint, fingerprint
from dockrev.wording import counted


@dataclass(frozen=True, slots=True)
class Companion:
    """A service that runs in a namespace of the updated one, or of another such, and is made anew with it.

    `image_ref`: as configured. `sound`: it ran without trouble, so it must afterwards. `made_from`: the
    digest of its configuration, if its containers were made from what the files said; empty: not known.
    """

    image_ref: str
    image: str
    replicas: int
    sound: bool
    testimonies: tuple[Fingerprint, ...] = ()
    made_from: str = ""

    @classmethod
    def of(
        cls, containers: Sequence[ContainerDetail], images: Mapping[str, ImageDetail], made_from: str
    ) -> Self:
        """`images` by id: those that the containers run."""
        first, testimonies = _first_up(containers), _fingerprints(containers, images)
        sound = is_sound(containers)
        return cls(first.image, first.image_id, len(containers), sound, testimonies, made_from)

    def is_named(self, ref: ImageRef) -> bool:
        with suppress(InvalidArgument):  # an image that is configured by its id
            return ImageRef.parse(self.image_ref) == ref
        return False


@dataclass(frozen=True, slots=True)
class Before:
    """`image`: what the first replica ran. `sound`: it ran without trouble, so a rollback must as well.

    `files`: the project's own, also when no container is left to name them. `sharing`: by name the services
    that ran in its namespaces, or in those of one of them, owners first. `data`: what it had mounted that
    outlives its containers. `proven`: it ran as a new image would have to, after it was watched.
    `made_from`: as of a companion.
    """

    files: ProjectFiles
    image: str
    container_ids: tuple[str, ...]
    sound: bool
    testimonies: tuple[Fingerprint, ...]
    sharing: Mapping[str, Companion]
    data: tuple[BackupTarget, ...]
    proven: bool = False
    made_from: str = ""

    @property
    def replicas(self) -> int:
        return len(self.container_ids)

    @property
    def told(self) -> str:
        return f"{counted(self.replicas, 'container runs', 'containers run')} {self.image[7:19]}"

    def as_facts(self) -> dict[str, Json]:
        facts: dict[str, Json] = _BEFORE.dump_python(self, mode="json")
        return facts


_BEFORE = TypeAdapter(Before)


def from_facts(facts: Mapping[str, Any]) -> Before:
    return _BEFORE.validate_python(facts)


def is_up(containers: Sequence[ContainerDetail]) -> bool:
    return any(one.state.is_up for one in containers)


def is_sound(containers: Sequence[ContainerDetail]) -> bool:
    return all(
        one.state is ContainerState.RUNNING and one.health is not Health.UNHEALTHY for one in containers
    )


def _first_up(containers: Sequence[ContainerDetail]) -> ContainerDetail:
    return next(one for one in containers if one.state.is_up)


def _fingerprints(
    containers: Sequence[ContainerDetail], images: Mapping[str, ImageDetail]
) -> tuple[Fingerprint, ...]:
    return tuple(fingerprint(one, images[one.image_id]) for one in containers)


def record(
    files: ProjectFiles,
    containers: Sequence[ContainerDetail],
    images: Mapping[str, ImageDetail],
    sharing: Mapping[str, Companion],
    made_from: str,
    now: datetime,
    patience: HealthLimits,
) -> Before:
    """`images` by id: those that the containers run."""
    mounted = {target_of(mount) for one in containers for mount in one.mounts}
    image, started = _first_up(containers).image_id, [one.started_at or now for one in containers]
    look = assess(containers, image, len(containers), max(started), now, patience)
    return Before(
        files=files,
        image=image,
        container_ids=tuple(one.id for one in containers),
        sound=is_sound(containers),
        testimonies=_fingerprints(containers, images),
        sharing=sharing,
        data=tuple(sorted(target for target in mounted if target)),
        proven=look.verdict is HealthVerdict.GOOD,
        made_from=made_from,
    )

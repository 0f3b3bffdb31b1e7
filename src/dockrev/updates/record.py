"""What a service was before the update: enough to prove that nothing was lost, and to go back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from dockrev.compose.models import ProjectFiles
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.errors import Json
from dockrev.updates.proof import Testimony, testimony
from dockrev.wording import counted

_UP = frozenset({ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING})


@dataclass(frozen=True, slots=True)
class Before:
    """`image`: what the first replica ran. `sound`: it ran without trouble, so a rollback must as well.

    `files`: the project's own, also when no container is left to name them. `sharing`: the services that ran
    in its namespaces, and how many containers each had.
    """

    files: ProjectFiles
    image: str
    container_ids: tuple[str, ...]
    sound: bool
    testimonies: tuple[Testimony, ...]
    sharing: Mapping[str, int]
    protective_tag: str

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
    return any(one.state in _UP for one in containers)


def record(
    files: ProjectFiles,
    containers: Sequence[ContainerDetail],
    images: Mapping[str, ImageDetail],
    sharing: Mapping[str, int],
    protective_tag: str,
) -> Before:
    """`images` by id: those that the containers run."""
    first = next(one for one in containers if one.state in _UP)
    return Before(
        files=files,
        image=first.image_id,
        container_ids=tuple(one.id for one in containers),
        sound=all(
            one.state is ContainerState.RUNNING and one.health is not Health.UNHEALTHY for one in containers
        ),
        testimonies=tuple(testimony(one, images[one.image_id]) for one in containers),
        sharing=sharing,
        protective_tag=protective_tag,
    )

"""Names that keep an old image from being pruned for as long as somebody may need it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dockrev.docker.images import ROLLBACK_REPOSITORY, Images
from dockrev.errors import DockerError
from dockrev.updates.record import Before


@dataclass(frozen=True, slots=True)
class Protection:
    """Of the image that a service ran before an update."""

    job_id: str
    service_id: str

    @property
    def kept_name(self) -> str:
        """For the operator, when an update has left the service on another image; until a later update."""
        return f"{ROLLBACK_REPOSITORY}:{self.service_id}"

    @property
    def _name(self) -> str:
        return f"{ROLLBACK_REPOSITORY}:{self._tag}"

    @property
    def _tag(self) -> str:
        return f"{self.job_id}-{self.service_id}"

    async def begin(self, images: Images, image: str) -> None:
        await images.tag(image, ROLLBACK_REPOSITORY, self._tag)

    async def best(self, images: Images, before: Before) -> str:
        """The image to go back to. It is what was kept earlier when what ran before had failed, too."""
        earlier = None if before.proven else await images.find_id(self.kept_name)
        return earlier or before.image

    async def best_told(self, images: Images, before: Before) -> str:
        try:
            best = await self.best(images, before)
        except DockerError:
            return "The old image, or the last one that ran soundly if that did not,"
        if best == before.image:
            return "The old image"
        return f"The old image did not run soundly either; the last one that did, {best[7:19]},"

    async def end(self, images: Images) -> None:
        await images.untag(self._name)
        await images.untag(self.kept_name)

    async def keep(self, images: Images, image: str) -> None:
        await images.tag(image, ROLLBACK_REPOSITORY, self.service_id)
        await images.untag(self._name)

    async def cease(self, images: Images) -> None:
        """Of this update, in which nothing was changed; what an earlier one left stays."""
        await images.untag(self._name)


def needless(tags: Iterable[str], unfinished: Collection[str], service_ids: Collection[str]) -> list[str]:
    """Protective names that nobody will use: of jobs that have ended, and of services that are no more."""

    def is_needed(tag: str) -> bool:
        owner, of_a_job, _ = tag.partition(":")[2].partition("-")
        return owner in (unfinished if of_a_job else service_ids)

    return [tag for tag in tags if not is_needed(tag)]

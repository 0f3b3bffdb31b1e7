"""What tests do with a registry: push, move, look up and delete tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from tests.testbed.access import Access
from tests.testbed.distribution import Distribution
from tests.testbed.images import Image


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry. `name` is the name for a compose file."""

    name: str
    digest: Digest
    children: Mapping[Platform, Digest]
    """For an index, the manifest digest of each platform. For a single image, its own digest."""

    @property
    def ref(self) -> ImageRef:
        return ImageRef.parse(self.name)


@dataclass(frozen=True, slots=True)
class Registry:
    """`namespace` is the prefix of every repository name, so that tests can share the registry."""

    host: str
    access: Access
    namespace: str = ""

    def within(self, namespace: str) -> Self:
        return replace(self, namespace=namespace)

    def push(self, image: Image, name: str, *, oci: bool = False) -> Pushed:
        """Pushes an image. `name` is `repository:tag`. An existing tag moves to this image."""
        repository, tag = self._split(name)
        manifest = self._api.push_image(repository, image, oci=oci)
        self._api.name(repository, tag, manifest)
        return Pushed(f"{self.host}/{repository}:{tag}", manifest.digest, {image.platform: manifest.digest})

    def push_index(self, images: Sequence[Image], name: str, *, attestations: bool = False) -> Pushed:
        """Pushes an index with one image for each platform, optionally with attestations like BuildKit's."""
        repository, tag = self._split(name)
        index, children = self._api.push_index(repository, images, attestations=attestations)
        self._api.name(repository, tag, index)
        return Pushed(f"{self.host}/{repository}:{tag}", index.digest, children)

    def digest(self, name: str) -> Digest:
        """The digest that the tag names now."""
        return self._api.resolve(*self._split(name))

    def tags(self, repository: str) -> list[str]:
        return self._api.tags(self._split(repository)[0])

    def delete(self, name: str) -> None:
        """Deletes the tag's manifest, and every other tag that names it."""
        repository, tag = self._split(name)
        self._api.delete(repository, self._api.resolve(repository, tag))

    @property
    def _api(self) -> Distribution:
        return Distribution(self.host, self.access.authorize)

    def _split(self, name: str) -> tuple[str, str]:
        repository, _, tag = name.partition(":")
        return f"{self.namespace}/{repository}".lstrip("/"), tag or "latest"

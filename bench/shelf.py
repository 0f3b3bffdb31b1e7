"""A repository of the synthetic registry. It builds content on request and can publish its next release."""

from collections.abc import Mapping

from bench.catalogue import Quirk, Repository, TagPlan, version
from bench.content import Build, Document, build
from bench.references import Flavoured


class Assortment:
    """Tags with the content that each of them names."""

    def __init__(self, seed: str, repository: Repository, names: Mapping[str, str]) -> None:
        self.repository = repository
        self._seed = seed
        self._names = names
        self._listed: list[str] | None = None
        self._rebuilt: dict[str, int] = {}
        self._builds: dict[str, Build] = {}
        self._manifests: dict[str, Document] = {}
        self._blobs: dict[str, Document] = {}
        self._complete = False

    @classmethod
    def of(cls, seed: str, flavoured: Flavoured) -> "Assortment":
        repository = Repository(flavoured.name, len(flavoured.names), labelled=False)
        return cls(seed, repository, flavoured.names)

    def named(self, tag: str) -> Document | None:
        name = self._names.get(tag)
        return None if name is None else self._build(name).top

    def manifest(self, digest: str) -> Document | None:
        if digest not in self._manifests:
            self._build_everything()
        return self._manifests.get(digest)

    def blob(self, digest: str) -> Document | None:
        if digest not in self._blobs:
            self._build_everything()
        return self._blobs.get(digest)

    def tags(self) -> list[str]:
        """The tags in the order in which this repository lists them."""
        if self._listed is None:
            in_order = self.repository.quirk is Quirk.OLDEST_FIRST
            self._listed = list(self._names) if in_order else sorted(self._names)
        return self._listed

    def _build(self, name: str) -> Build:
        made = self._builds.get(name)
        if made is None:
            made = build(self._seed, self.repository, name, self._rebuilt.get(name, 0))
            self._builds[name] = made
            self._manifests |= {document.digest: document for document in made.manifests}
            self._blobs |= {document.digest: document for document in made.blobs}
        return made

    def _build_everything(self) -> None:
        """Builds all content once, because an unknown digest does not show which tag it belongs to."""
        if not self._complete:
            for name in self._names.values():
                self._build(name)
            self._complete = True


class Shelf(Assortment):
    """A repository that can publish further releases."""

    def __init__(self, seed: str, repository: Repository) -> None:
        self._plan = TagPlan.of(repository)
        super().__init__(seed, repository, self._plan.names())
        self.release(back=0)
        self.release(back=1)

    def release(self, *, back: int) -> Build:
        """The build `back` releases behind the newest one."""
        return self._build(version(self._plan.released - 1 - back))

    def publish(self) -> None:
        """Publishes the next release: adds its version tag and moves `latest`, `stable` and its families."""
        self._plan = self._plan.next()
        self._names = self._plan.names()
        self._listed = None
        self.release(back=0)

    def rebuild(self) -> None:
        """Builds the newest release again: moves all its tags to the new content and adds no tag."""
        name = version(self._plan.released - 1)
        self._rebuilt[name] = self._rebuilt.get(name, 0) + 1
        del self._builds[name]
        self.release(back=0)

"""One repository of the synthetic registry: built when asked for, able to publish its next release."""

from collections.abc import Mapping

from bench.catalogue import Quirk, Repository, TagPlan, version
from bench.content import Build, Document, build
from bench.references import Flavoured


class Assortment:
    """Tags, and what each of them names."""

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
        """In the order in which this repository lists them."""
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
        """A digest says nothing of the tag it came from, so an unknown one means building them all, once."""
        if not self._complete:
            for name in self._names.values():
                self._build(name)
            self._complete = True


class Shelf(Assortment):
    """Its releases go on."""

    def __init__(self, seed: str, repository: Repository) -> None:
        self._plan = TagPlan.of(repository)
        super().__init__(seed, repository, self._plan.names())
        self.release(back=0)
        self.release(back=1)

    def release(self, *, back: int) -> Build:
        """The build `back` releases behind the newest one."""
        return self._build(version(self._plan.released - 1 - back))

    def publish(self) -> None:
        """The next release: its own tag appears, `latest`, `stable` and its families move."""
        self._plan = self._plan.next()
        self._names = self._plan.names()
        self._listed = None
        self.release(back=0)

    def rebuild(self) -> None:
        """The newest release once more: all its tags move to the new content, and none appears."""
        name = version(self._plan.released - 1)
        self._rebuilt[name] = self._rebuilt.get(name, 0) + 1
        del self._builds[name]
        self.release(back=0)

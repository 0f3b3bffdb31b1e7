"""Measures the requests of a version lookup for a floating tag, and checks the result."""

import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.catalogue import Quirk
from bench.child import child, spare_cpu
from bench.control import RegistryControl
from bench.figures import Bound, Figure, count
from bench.inferring import Inference
from bench.registry_options import Behaviour, Stock, TagList, arguments
from bench.truth import ReferenceTruth, ReleaseTruth, RepositoryTruth

_ANSWERED = (Quirk.NONE, Quirk.LARGE, Quirk.OLDEST_FIRST)
_MOVED = 20


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of requests: the median, the 95th percentile, and after a release was built again."""

    median: int = 2
    p95: int = 8
    rebuilt: int = 2


_WITH_BULK = _Limits(1, 1, 1)
_SMALL_PAGES = _Limits(rebuilt=4)
"""The tag list alone takes three requests."""


@dataclass(frozen=True, slots=True)
class _Named:
    """The lookup of one digest: the number of requests, and whether the version is right."""

    requests: int
    right: bool


async def measure() -> list[Figure]:
    return [
        *await _measured("running and offered", Behaviour(), both=True),
        *await _measured("running alone", Behaviour(), both=False),
        *await _measured("small pages", Behaviour(page=100), both=True, limits=_SMALL_PAGES),
        *await _measured("bulk API", Behaviour(tag_list=TagList.GOOGLE), both=True, limits=_WITH_BULK),
        *await _references("channels and flavours", Behaviour(), _Limits()),
        *await _references("channels and flavours, bulk API", Behaviour(tag_list=TagList.GOOGLE), _WITH_BULK),
    ]


@asynccontextmanager
async def _registry(behaviour: Behaviour) -> AsyncIterator[tuple[RegistryControl, Path]]:
    """Starts a registry. Also gives a directory for the databases of its clients."""
    flags = ["--http", "0", *arguments(Stock()), *arguments(behaviour)]
    with tempfile.TemporaryDirectory(prefix="dockrev-bench-") as directory:
        async with (
            child("bench.synthetic_registry", flags, spare_cpu()) as host,
            RegistryControl.open(host) as control,
        ):
            yield control, Path(directory)


async def _measured(
    title: str, behaviour: Behaviour, *, both: bool, limits: _Limits = _Limits()
) -> list[Figure]:
    async with _registry(behaviour) as (control, directory):
        async with Inference.open(control, directory) as inference:
            await _warm(inference, control)
            first = await _name_all(inference, _usable(control), both=both)
        async with Inference.open(control, directory) as inference:
            again = await _name_all(inference, _usable(control), both=both)
            await _warm(inference, control)
            moved = await _after_a_release(inference, control) if both else []
            rebuilt = await _after_a_rebuild(inference, control) if both else []
    figures = [
        *_spent(title, first, limits),
        count(f"{title}: requests, seen before", sum(one.requests for one in again), 0),
        _right(title, first),
        _right(f"{title}, restarted", again),
    ]
    for event, named, limit in (
        ("a release", moved, _Limits().p95),
        ("a rebuilt release", rebuilt, limits.rebuilt),
    ):
        if named:
            most = max(one.requests for one in named)
            figures.append(count(f"{title}: requests after {event}, most", most, limit))
            figures.append(_right(f"{title}, after {event}", named))
    return figures


async def _references(title: str, behaviour: Behaviour, limits: _Limits) -> list[Figure]:
    """Looks up each reference with an empty database."""
    async with _registry(behaviour) as (control, directory):
        named = []
        for number, truth in enumerate(await control.references()):
            place = directory / str(number)
            place.mkdir()
            async with Inference.open(control, place) as inference:
                await _warm(inference, control)
                named.append(await _name_reference(inference, truth))
    return [*_spent(title, named, limits), _right(title, named)]


async def _name_reference(inference: Inference, truth: ReferenceTruth) -> _Named:
    inference.run(truth.repository, truth.tag, current=truth.digest)
    spent = await inference.look(truth.repository, truth.digest)
    return _Named(spent, await inference.shown(truth.repository, truth.digest, truth.tag) == truth.version)


async def _warm(inference: Inference, control: RegistryControl) -> None:
    """Makes a first lookup. It learns how the host authenticates, which is no cost of a single version."""
    some = next(each for each in control.truth.values() if each.quirk is Quirk.MISSING)
    inference.run(some.name, "latest", current=some.latest.digest)
    await inference.look(some.name, some.latest.digest)


def _usable(control: RegistryControl) -> list[RepositoryTruth]:
    return [each for each in control.truth.values() if each.quirk in _ANSWERED]


def _moving(control: RegistryControl) -> list[RepositoryTruth]:
    """The repositories to move: some of each size."""
    large = [each for each in _usable(control) if each.quirk is Quirk.LARGE]
    return [*_usable(control)[:_MOVED], *large]


async def _name_all(inference: Inference, truths: Sequence[RepositoryTruth], *, both: bool) -> list[_Named]:
    named = []
    for truth in truths:
        if both:
            named.append(await _name_offered(inference, truth, running=truth.before))
        else:
            _run(inference, truth, truth.before)
        named.append(await _name(inference, truth, truth.before))
    return named


async def _after_a_release(inference: Inference, control: RegistryControl) -> list[_Named]:
    """Publishes a release. The new digest gets its version, and the old digest keeps only its version tag."""
    chosen = [each.name for each in _moving(control)]
    await control.move(chosen)
    named = []
    for truth in map(control.truth.__getitem__, chosen):
        new = await _name_offered(inference, truth, running=truth.before)
        named.append(replace(new, right=new.right and await _is_right(inference, truth, truth.before)))
    return named


async def _after_a_rebuild(inference: Inference, control: RegistryControl) -> list[_Named]:
    """Builds a known release again. All its tags move to the new build, and no tag names the old one."""
    old = {each.name: each.latest for each in _moving(control)}
    await control.rebuild(list(old))
    named = []
    for name, before in old.items():
        new = await _name_offered(inference, control.truth[name], running=before)
        left = await inference.tags(name, before.digest)
        named.append(replace(new, right=new.right and not left))
    return named


async def _name_offered(inference: Inference, truth: RepositoryTruth, *, running: ReleaseTruth) -> _Named:
    """Looks up what `latest` names now, while the service runs `running`."""
    await inference.checked(truth.name, "latest", truth.latest.digest)
    _run(inference, truth, running, truth.latest)
    return await _name(inference, truth, truth.latest)


def _run(
    inference: Inference, truth: RepositoryTruth, current: ReleaseTruth, offered: ReleaseTruth | None = None
) -> None:
    inference.run(
        truth.name,
        "latest",
        current=current.digest,
        candidate=offered.digest if offered else None,
        label=current.labels.get("org.opencontainers.image.version"),
    )


async def _name(inference: Inference, truth: RepositoryTruth, release: ReleaseTruth) -> _Named:
    spent = await inference.look(truth.name, release.digest)
    return _Named(spent, await _is_right(inference, truth, release))


async def _is_right(inference: Inference, truth: RepositoryTruth, release: ReleaseTruth) -> bool:
    """Whether the right version is shown, and `latest` is among the tags only if it names the digest."""
    tags = await inference.tags(truth.name, release.digest)
    misplaced = "latest" in tags and release.digest != truth.latest.digest
    return await inference.shown(truth.name, release.digest, "latest") == release.version and not misplaced


def _spent(title: str, named: Sequence[_Named], limits: _Limits) -> list[Figure]:
    asked = sorted(one.requests for one in named)
    p95 = asked[-(-len(asked) * 95 // 100) - 1]
    return [
        count(f"{title}: requests, median", int(statistics.median(asked)), limits.median),
        count(f"{title}: requests, p95", p95, limits.p95),
        Figure(f"{title}: requests, most", asked[-1]),
    ]


def _right(title: str, named: Sequence[_Named]) -> Figure:
    right = sum(one.right for one in named)
    return count(f"{title}: right of {len(named)}", right, len(named), Bound.AT_LEAST)

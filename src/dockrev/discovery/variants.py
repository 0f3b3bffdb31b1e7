"""Which Compose files a project has when its containers do not agree. No I/O.

Containers that were re-created with an additional override file report a longer list than the others. The
longest list is right if all that it adds are images; an override that is gone again has lost its say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dockrev.errors import Json


@dataclass(frozen=True, slots=True)
class Variant:
    """A list of Compose files and the services whose containers were made from it."""

    config_files: tuple[str, ...]
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The override file is not there, or not for us to read."""


@dataclass(frozen=True, slots=True)
class ImageOnly:
    """The override file sets nothing but the image of these services."""

    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unsafe:
    """The override file does more than setting images, or cannot be understood."""

    reason: str


Override = Unreadable | ImageOnly | Unsafe


class Mode(StrEnum):
    SUPERSET = "superset"
    SUPERSET_REJECTED = "superset_rejected"
    COMMON = "common_fallback"
    COMMON_UNSAFE_EXTRA = "common_fallback_unsafe_extra"
    COMMON_NO_SUPERSET = "common_fallback_no_superset_all_unreadable"
    INVALID = "invalid_no_superset"


@dataclass(frozen=True, slots=True)
class Selection:
    """`config_files` are the project's; none when `conflict` says why they cannot be told.

    `mode` is None when there was nothing to choose.
    """

    mode: Mode | None
    config_files: tuple[str, ...] = ()
    warning: str | None = None
    conflict: str | None = None


def extra_files(variants: Sequence[Variant]) -> tuple[str, ...]:
    """The files that not all variants have: `select` wants to know what they hold."""
    every_file = dict.fromkeys(path for variant in variants for path in variant.config_files)
    return tuple(path for path in every_file if not _in_all(path, variants))


def select(variants: Sequence[Variant], overrides: Mapping[str, Override]) -> Selection:
    """`overrides` holds every one of `extra_files(variants)`."""
    if len(variants) == 1:
        return Selection(None, variants[0].config_files)
    superset = _superset(variants)
    if superset is None:
        return _without_superset(variants, overrides)
    common = tuple(path for path in superset.config_files if _in_all(path, variants))
    if not common:
        return _conflict(Mode.SUPERSET_REJECTED, "no file is common to all containers of the project")
    for path in superset.config_files:
        if path not in common and (fallback := _objection(path, overrides[path], superset, common)):
            return fallback
    return Selection(Mode.SUPERSET, superset.config_files, "warning:config_files_superset_selected")


def details(variants: Sequence[Variant], selection: Selection) -> Mapping[str, Json]:
    """Nothing when there was nothing to choose."""
    if selection.mode is None:
        return {}
    return {
        "kind": "config_files_variants",
        "variants": [
            {"configFiles": list(variant.config_files), "services": sorted(variant.services)}
            for variant in sorted(variants, key=_by_length)
        ],
        "selected": {"mode": selection.mode.value, "configFiles": list(selection.config_files)},
    }


def _objection(path: str, override: Override, superset: Variant, common: tuple[str, ...]) -> Selection | None:
    match override:
        case Unreadable():
            warning = "warning:config_files_extra_unreadable_fallback_common"
            return Selection(Mode.COMMON, common, warning)
        case Unsafe(reason):
            text = f"superset includes an unsafe override file: {path} ({reason})"
            return _conflict(Mode.SUPERSET_REJECTED, text)
        case ImageOnly(services) if not services <= superset.services:
            warning = "warning:config_files_unsafe_extra_fallback_common"
            return Selection(Mode.COMMON_UNSAFE_EXTRA, common, warning)
    return None


def _without_superset(variants: Sequence[Variant], overrides: Mapping[str, Override]) -> Selection:
    shortest = min(variants, key=_by_length)
    common = tuple(path for path in shortest.config_files if _in_all(path, variants))
    if not common:
        return _conflict(Mode.INVALID, "no file is common to all containers of the project")
    readable = [path for path in extra_files(variants) if not isinstance(overrides[path], Unreadable)]
    if readable:
        text = f"the containers of the project were made from different files, among them {readable[0]}"
        return _conflict(Mode.INVALID, text)
    warning = "warning:config_files_conflict_fallback_common"
    return Selection(Mode.COMMON_NO_SUPERSET, common, warning)


def _superset(variants: Sequence[Variant]) -> Variant | None:
    candidates = [
        one
        for one in variants
        if all(_is_subsequence(other.config_files, one.config_files) for other in variants)
    ]
    return min(candidates, key=lambda one: (-len(one.config_files), one.config_files), default=None)


def _is_subsequence(short: Sequence[str], long: Sequence[str]) -> bool:
    rest: Iterator[str] = iter(long)
    return all(path in rest for path in short)


def _in_all(path: str, variants: Sequence[Variant]) -> bool:
    return all(path in variant.config_files for variant in variants)


def _by_length(variant: Variant) -> tuple[int, tuple[str, ...]]:
    return len(variant.config_files), variant.config_files


def _conflict(mode: Mode, why: str) -> Selection:
    return Selection(mode, conflict=f"config_files_conflict: {why}")

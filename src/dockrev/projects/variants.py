"""Chooses the Compose files of a project whose containers name different ones. No I/O.

Containers that were recreated with an additional override file have a longer list in their labels than the
others. The longest list is right when the additional files only set images. An override file that is gone
does not count.
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
    """The override file is gone, or Dockrev may not read it."""


@dataclass(frozen=True, slots=True)
class ImageOnly:
    """The override file sets nothing but the image of these services."""

    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unsafe:
    """The override file sets more than images, or cannot be parsed."""

    reason: str


Override = Unreadable | ImageOnly | Unsafe


class SelectionMode(StrEnum):
    SUPERSET = "superset"
    SUPERSET_REJECTED = "superset_rejected"
    COMMON = "common_fallback"
    COMMON_UNSAFE_EXTRA = "common_fallback_unsafe_extra"
    COMMON_NO_SUPERSET = "common_fallback_no_superset_all_unreadable"
    INVALID = "invalid_no_superset"


@dataclass(frozen=True, slots=True)
class FileSelection:
    """`config_files` is empty when `conflict` says why no list can be chosen.

    `mode` is None when there was nothing to choose.
    """

    mode: SelectionMode | None
    config_files: tuple[str, ...] = ()
    warning: str | None = None
    conflict: str | None = None


def extra_files(variants: Sequence[Variant]) -> tuple[str, ...]:
    """The files that are not in all variants. `select` needs to know what they hold."""
    every_file = dict.fromkeys(path for variant in variants for path in variant.config_files)
    return tuple(path for path in every_file if not _in_all(path, variants))


def select(variants: Sequence[Variant], overrides: Mapping[str, Override]) -> FileSelection:
    """`overrides` has an entry for each of `extra_files(variants)`."""
    if len(variants) == 1:
        return FileSelection(None, variants[0].config_files)
    superset = _superset(variants)
    if superset is None:
        return _without_superset(variants, overrides)
    common = tuple(path for path in superset.config_files if _in_all(path, variants))
    if not common:
        return _conflict(
            SelectionMode.SUPERSET_REJECTED, "no file is common to all containers of the project"
        )
    for path in superset.config_files:
        if path not in common and (fallback := _objection(path, overrides[path], superset, common)):
            return fallback
    return FileSelection(
        SelectionMode.SUPERSET, superset.config_files, "warning:config_files_superset_selected"
    )


def details(variants: Sequence[Variant], selection: FileSelection) -> Mapping[str, Json]:
    """The document for the API. Empty when there was nothing to choose."""
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


def _objection(
    path: str, override: Override, superset: Variant, common: tuple[str, ...]
) -> FileSelection | None:
    match override:
        case Unreadable():
            warning = "warning:config_files_extra_unreadable_fallback_common"
            return FileSelection(SelectionMode.COMMON, common, warning)
        case Unsafe(reason):
            text = f"superset includes an unsafe override file: {path} ({reason})"
            return _conflict(SelectionMode.SUPERSET_REJECTED, text)
        case ImageOnly(services) if not services <= superset.services:
            warning = "warning:config_files_unsafe_extra_fallback_common"
            return FileSelection(SelectionMode.COMMON_UNSAFE_EXTRA, common, warning)
    return None


def _without_superset(variants: Sequence[Variant], overrides: Mapping[str, Override]) -> FileSelection:
    shortest = min(variants, key=_by_length)
    common = tuple(path for path in shortest.config_files if _in_all(path, variants))
    if not common:
        return _conflict(SelectionMode.INVALID, "no file is common to all containers of the project")
    readable = [path for path in extra_files(variants) if not isinstance(overrides[path], Unreadable)]
    if readable:
        text = f"the containers of the project were made from different files, among them {readable[0]}"
        return _conflict(SelectionMode.INVALID, text)
    warning = "warning:config_files_conflict_fallback_common"
    return FileSelection(SelectionMode.COMMON_NO_SUPERSET, common, warning)


def _superset(variants: Sequence[Variant]) -> Variant | None:
    candidates = [
        variant
        for variant in variants
        if all(_is_subsequence(other.config_files, variant.config_files) for other in variants)
    ]
    return min(candidates, key=_longest_first, default=None)


def _is_subsequence(short: Sequence[str], long: Sequence[str]) -> bool:
    rest: Iterator[str] = iter(long)
    return all(path in rest for path in short)


def _in_all(path: str, variants: Sequence[Variant]) -> bool:
    return all(path in variant.config_files for variant in variants)


def _by_length(variant: Variant) -> tuple[int, tuple[str, ...]]:
    return len(variant.config_files), variant.config_files


def _longest_first(variant: Variant) -> tuple[int, tuple[str, ...]]:
    return -len(variant.config_files), variant.config_files


def _conflict(mode: SelectionMode, why: str) -> FileSelection:
    return FileSelection(mode, conflict=f"config_files_conflict: {why}")

from collections.abc import Mapping

import pytest

from dockrev.projects.variants import (
    FileSelection,
    ImageOnly,
    Override,
    SelectionMode,
    Unreadable,
    Unsafe,
    Variant,
    details,
    extra_files,
    select,
)

GONE = Unreadable()
SAFE = ImageOnly(frozenset({"web"}))
FOREIGN = ImageOnly(frozenset({"web", "db"}))
UNSAFE = Unsafe("service 'web' has more than an image")

WARNINGS = {
    SelectionMode.SUPERSET: "superset_selected",
    SelectionMode.COMMON: "extra_unreadable_fallback_common",
    SelectionMode.COMMON_UNSAFE_EXTRA: "unsafe_extra_fallback_common",
    SelectionMode.COMMON_NO_SUPERSET: "conflict_fallback_common",
}


def lists(*files: str) -> list[Variant]:
    """`"a b"` is a variant with the files /a and /b; web reports the longest, db the others."""
    longest = max(files, key=len)
    return [
        Variant(tuple(f"/{name}" for name in one.split()), frozenset({"web" if one == longest else "db"}))
        for one in files
    ]


def overrides(**contents: Override) -> Mapping[str, Override]:
    return {f"/{name}": content for name, content in contents.items()}


def test_a_single_variant_is_used() -> None:
    selection = select(lists("a b"), {})

    assert selection == FileSelection(None, ("/a", "/b"))
    assert details(lists("a b"), selection) == {}


@pytest.mark.parametrize(
    ("variants", "contents", "mode", "files"),
    [
        (lists("a", "a b"), overrides(b=SAFE), SelectionMode.SUPERSET, "a b"),
        (lists("b a", "b", "b c a"), overrides(a=SAFE, c=SAFE), SelectionMode.SUPERSET, "b c a"),
        (lists("a", "a b c", "a c"), overrides(b=SAFE, c=SAFE), SelectionMode.SUPERSET, "a b c"),
        (lists("a", "a b"), overrides(b=ImageOnly(frozenset())), SelectionMode.SUPERSET, "a b"),
        (lists("a", "a b"), overrides(b=GONE), SelectionMode.COMMON, "a"),
        (lists("a", "a b c"), overrides(b=SAFE, c=GONE), SelectionMode.COMMON, "a"),
        (lists("a", "a b"), overrides(b=FOREIGN), SelectionMode.COMMON_UNSAFE_EXTRA, "a"),
        (lists("a b", "a c"), overrides(b=GONE, c=GONE), SelectionMode.COMMON_NO_SUPERSET, "a"),
    ],
)
def test_the_files_are_selected(
    variants: list[Variant],
    contents: Mapping[str, Override],
    mode: SelectionMode,
    files: str,
) -> None:
    selection = select(variants, contents)

    assert selection.mode is mode
    assert selection.config_files == tuple(f"/{name}" for name in files.split())
    assert selection.warning == f"warning:config_files_{WARNINGS[mode]}"
    assert selection.conflict is None


@pytest.mark.parametrize(
    ("variants", "contents", "mode", "says"),
    [
        (lists("a", "b"), overrides(a=SAFE, b=SAFE), SelectionMode.INVALID, "no file is common"),
        (lists("a", "b"), overrides(a=GONE, b=GONE), SelectionMode.INVALID, "no file is common"),
        (lists("a b", "a c"), overrides(b=GONE, c=SAFE), SelectionMode.INVALID, "among them /c"),
        (lists("a b", "a c"), overrides(b=UNSAFE, c=GONE), SelectionMode.INVALID, "among them /b"),
        (lists("a b c", "c a"), overrides(b=SAFE), SelectionMode.INVALID, "among them /b"),
        (
            lists("a", "b", "a b"),
            overrides(a=SAFE, b=SAFE),
            SelectionMode.SUPERSET_REJECTED,
            "no file is common",
        ),
        (lists("a", "a b"), overrides(b=UNSAFE), SelectionMode.SUPERSET_REJECTED, "unsafe override"),
    ],
)
def test_a_conflict_is_reported_when_no_files_can_be_selected(
    variants: list[Variant], contents: Mapping[str, Override], mode: SelectionMode, says: str
) -> None:
    selection = select(variants, contents)

    assert selection.mode is mode
    assert selection.config_files == ()
    assert selection.warning is None
    assert (selection.conflict or "").startswith("config_files_conflict: ")
    assert says in (selection.conflict or "")


def test_the_order_of_the_variants_does_not_matter() -> None:
    contents = overrides(b=SAFE, c=SAFE)

    assert select(lists("a", "a c", "a b c"), contents) == select(lists("a b c", "a c", "a"), contents)


def test_extra_files_are_the_files_that_not_all_variants_have() -> None:
    assert extra_files(lists("a", "a b", "a c b")) == ("/b", "/c")
    assert extra_files(lists("a b")) == ()


def test_the_details_list_the_variants_by_length_and_the_selected_files() -> None:
    variants = lists("a b", "a")

    assert details(variants, select(variants, overrides(b=SAFE))) == {
        "kind": "config_files_variants",
        "variants": [
            {"configFiles": ["/a"], "services": ["db"]},
            {"configFiles": ["/a", "/b"], "services": ["web"]},
        ],
        "selected": {"mode": "superset", "configFiles": ["/a", "/b"]},
    }

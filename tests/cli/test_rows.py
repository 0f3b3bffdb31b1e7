"""The rows of a check and its exit code."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dockrev.cli.rows import Problem, Row, RowStatus, exit_code, rows_of, select, summary_of
from dockrev.cli.table import table_of
from dockrev.errors import InvalidArgument
from dockrev.images.models import CheckError
from dockrev.stacks.models import Runtime, Service
from dockrev.stacks.update_state import RegistryFacts
from dockrev.versions.models import DigestSnapshot
from tests.stacks.building import (
    NEW,
    NOON,
    OLD,
    context,
    index,
    knowledge,
    running,
    service,
    snapshot,
    stack,
    stopped,
    tag,
    views_of,
)

FAILED = CheckError("registry_timeout", "no answer", NOON)
LIMITED = CheckError("registry_rate_limited", "later", NOON, NOON + timedelta(hours=1))
HERE, ELSEWHERE = index(NEW, amd64=NEW), index(NEW, arm64=NEW)


def row_of(checked: Service, facts: RegistryFacts, *versions: DigestSnapshot) -> Row:
    views = views_of([stack(checked)], context(facts, *versions))
    (row,) = rows_of(views, [checked])
    return row


@pytest.mark.parametrize(
    ("checked", "facts", "status", "note"),
    [
        (service(runtime=running(OLD)), knowledge(tag(NEW), facts=[HERE]), RowStatus.UPDATE, ""),
        (service(runtime=running(NEW)), knowledge(tag(NEW)), RowStatus.CURRENT, ""),
        (
            service(runtime=running(OLD)),
            knowledge(tag(NEW), facts=[ELSEWHERE]),
            RowStatus.ELSEWHERE,
            "not offered for this host's platform",
        ),
        (service(runtime=stopped(NEW)), knowledge(tag(NEW)), RowStatus.CURRENT, "stopped"),
        (service(runtime=Runtime()), knowledge(tag(NEW)), RowStatus.UNCHECKED, "no containers"),
        (
            service(runtime=running(())),
            knowledge(tag(NEW)),
            RowStatus.UNKNOWN,
            "the running image did not come from this registry",
        ),
        (
            service(runtime=running(NEW, OLD, total=2)),
            knowledge(tag(NEW), facts=[HERE]),
            RowStatus.UPDATE,
            "containers run different images",
        ),
        (service(runtime=running(OLD)), knowledge(tag(None, error=FAILED)), RowStatus.FAILED, "no answer"),
        (service(runtime=running(OLD)), knowledge(tag(NEW, error=LIMITED)), RowStatus.DEFERRED, "later"),
        (service(None, running(()), builds=True), knowledge(), RowStatus.UNCHECKED, "local build"),
        (service(runtime=running(OLD), watched=False), knowledge(), RowStatus.UNCHECKED, "not watched"),
        (
            service("web:${TAG}", running(OLD)),
            knowledge(),
            RowStatus.FAILED,
            "'web:${TAG}' is not a valid image reference; "
            "correct it in the compose file, or set its variables",
        ),
    ],
)
def test_a_row_has_the_status_of_a_service_and_a_note_that_explains_it(
    checked: Service, facts: RegistryFacts, status: RowStatus, note: str
) -> None:
    row = row_of(checked, facts)
    assert (row.status, row.note) == (status, note)


def test_a_row_has_the_documented_json() -> None:
    row = row_of(
        service("nginx:1", running(OLD)),
        knowledge(tag(NEW, repository="docker.io/library/nginx", name="1"), facts=[HERE]),
    )
    assert row.as_json() == {
        "stack": "blog",
        "service": "web",
        "image": "nginx:1",
        "tag": "1",
        "running": OLD,
        "runningVersion": None,
        "available": NEW,
        "availableVersion": None,
        "platforms": ["linux/amd64"],
        "hostPlatform": "linux/amd64",
        "status": "update",
        "note": "",
    }


@pytest.mark.parametrize(
    ("tag_name", "label", "snapshots", "running_version", "available_version"),
    [
        ("latest", None, [], None, None),
        ("latest", None, [snapshot(OLD, "1.4.0", "latest"), snapshot(NEW, "1.5.1")], "1.4.0", "1.5.1"),
        ("latest", None, [snapshot(OLD, "1.4.0")], "1.4.0", None),
        ("latest", "1.4.0", [], "1.4.0?", None),
        ("latest", "1.4", [snapshot(OLD, "1.4.0")], "1.4.0", None),
        ("latest", "latest", [], None, None),
        ("1.4.0", "1.4.0", [], None, None),
        ("1.4.0", "9.9", [], None, None),
    ],
)
def test_a_row_has_the_known_versions_of_its_tag(
    tag_name: str,
    label: str | None,
    snapshots: list[DigestSnapshot],
    running_version: str | None,
    available_version: str | None,
) -> None:
    checked = service(f"web:{tag_name}", running(OLD, version=label))
    row = row_of(checked, knowledge(tag(NEW, name=tag_name), facts=[HERE]), *snapshots)
    assert (row.running_version, row.available_version) == (running_version, available_version)


def test_a_label_is_not_shown_as_version_when_the_running_digest_is_unknown() -> None:
    checked = service(runtime=running((), version="1.4.0"))
    assert row_of(checked, knowledge(tag(NEW))).running_version is None


@pytest.mark.parametrize(
    ("running_version", "available_version", "cells"),
    [
        ("1.4.0", "1.5.1", ["latest (1.4.0)", "latest (1.5.1)"]),
        ("1.4.0?", None, ["latest (1.4.0?)", f"latest {NEW.short}"]),
        (None, None, [f"latest {OLD.short}", f"latest {NEW.short}"]),
    ],
)
def test_the_table_shows_the_version_or_else_the_digest(
    running_version: str | None, available_version: str | None, cells: list[str]
) -> None:
    row = row_of(service(runtime=running(OLD)), knowledge(tag(NEW), facts=[HERE]))
    row = replace(row, running_version=running_version, available_version=available_version)
    table = table_of([row], narrow=False)
    assert [next(iter(table.columns[place].cells)) for place in (3, 4)] == cells


def test_rows_are_sorted_by_stack_and_leave_out_unselected_and_removed_services() -> None:
    b, a = service(name="b"), service(name="a")
    gone, other = service(name="gone", removed=True), service(name="other")
    stacks = [replace(stack(b), name="shop"), replace(stack(a, gone, other), name="blog")]
    rows = rows_of(views_of(stacks, context(knowledge())), [a, b, gone])
    assert [(row.stack, row.service) for row in rows] == [("blog", "a"), ("shop", "b")]


BLOG = replace(stack(service(name="web"), service(name="db")), name="blog")
SHOP = replace(stack(replace(service(name="web"), id="svc_shop")), name="shop")
PROJECTS = {"blog", "shop", "unreadable"}


@pytest.mark.parametrize(
    ("names", "service_ids", "projects"),
    [
        ((), {"svc_web", "svc_db", "svc_shop"}, PROJECTS),
        (("blog",), {"svc_web", "svc_db"}, {"blog"}),
        (("web",), {"svc_web", "svc_shop"}, {"blog", "shop"}),
        (("blog/web",), {"svc_web"}, {"blog"}),
        (("blog/web", "blog", "shop/web"), {"svc_web", "svc_db", "svc_shop"}, {"blog", "shop"}),
        (("unreadable",), set(), {"unreadable"}),
    ],
)
def test_services_are_chosen_by_project_by_name_or_by_both(
    names: tuple[str, ...], service_ids: set[str], projects: set[str]
) -> None:
    selected = select([BLOG, SHOP], PROJECTS, names)
    selected_ids = [service.id for service in selected.services]
    assert set(selected_ids) == service_ids
    assert len(selected_ids) == len(service_ids)
    assert selected.projects == projects


def test_the_error_for_an_unknown_name_lists_the_projects() -> None:
    with pytest.raises(InvalidArgument, match=r"'wiki' \(projects found: blog, shop, unreadable\)"):
        select([SHOP, BLOG], PROJECTS, ["web", "wiki"])


def test_a_project_that_cannot_be_read_makes_the_answer_incomplete() -> None:
    warning = Problem("blog", "warning: TAG is not set", fatal=False)
    unreadable = Problem("shop", "compose_file_unreadable: /srv/shop/compose.yml", fatal=True)
    assert (exit_code([], [warning]), exit_code([], [warning, unreadable])) == (0, 2)
    assert summary_of([], [warning, unreadable, unreadable]).endswith("2 projects could not be read")


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        ([RowStatus.CURRENT, RowStatus.UNCHECKED, RowStatus.UNKNOWN], 0),
        ([RowStatus.CURRENT, RowStatus.UPDATE], 1),
        ([RowStatus.UPDATE, RowStatus.FAILED], 2),
        ([RowStatus.DEFERRED], 2),
    ],
)
def test_the_exit_code_is_0_without_updates_1_with_updates_and_2_without_an_answer(
    statuses: list[RowStatus], code: int
) -> None:
    row = row_of(service(runtime=running(NEW)), knowledge(tag(NEW)))
    assert exit_code(replace(row, status=status) for status in statuses) == code

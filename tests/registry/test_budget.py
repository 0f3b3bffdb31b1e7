"""What hosts say of their limits, what is left for background work, and what was spent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dockrev.oci.ref import ImageRef
from dockrev.registry.budget import Allowance, Budget, RegistryBudget, allowance
from dockrev.registry.client import RegistryClient
from tests.fakes.bulk_apis import FakeQuay
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import OpenClient

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def heard(budget: Budget, at: datetime, **headers: str) -> Allowance | None:
    budget.note(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), at)
    return budget.current(at)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"ratelimit-limit": "100;w=21600"}, None),
        (
            {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
            Allowance(76, 100, 6 * HOUR),
        ),
        (
            {"RateLimit-Limit": "10, 10;w=60", "RateLimit-Remaining": "9"},
            Allowance(9, 10, timedelta(minutes=1)),
        ),
        ({"RateLimit-Remaining": "0"}, Allowance(0)),
        (
            {"RateLimit-Limit": "500", "RateLimit-Remaining": "499", "RateLimit-Reset": "30"},
            Allowance(499, 500, None, NOW + timedelta(seconds=30)),
        ),
        (
            {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1767326400"},
            Allowance(5, 60, None, datetime(2026, 1, 2, 4, 0, tzinfo=UTC)),
        ),
        (
            {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "9999999999"},
            Allowance(5, None, None, NOW + 24 * HOUR),
        ),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "soon"}, Allowance(5)),
        ({"RateLimit-Remaining": "many"}, None),
        ({"RateLimit-Remaining": "-1"}, None),
        ({"RateLimit-Remaining": "9" * 5000}, None),
    ],
)
def test_what_a_host_says_it_allows(headers: dict[str, str], expected: Allowance | None) -> None:
    assert allowance(CIMultiDict(headers), NOW) == expected


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_header_breaks_anything(limit: str, remaining: str, reset: str) -> None:
    headers = {"RateLimit-Limit": limit, "RateLimit-Remaining": remaining, "RateLimit-Reset": reset}

    said = heard(Budget(), NOW, **headers)

    assert said is None or said.remaining >= 0


def test_a_window_ends_its_length_after_it_was_first_seen() -> None:
    budget = Budget()
    full = {"RateLimit_Limit": "100;w=21600"}

    first = heard(budget, NOW, **full, RateLimit_Remaining="90;w=21600")
    later = heard(budget, NOW + HOUR, **full, RateLimit_Remaining="80;w=21600")
    refilled = heard(budget, NOW + 2 * HOUR, **full, RateLimit_Remaining="99;w=21600")

    assert [said.resets_at for said in (first, later, refilled) if said] == [
        NOW + 6 * HOUR,
        NOW + 6 * HOUR,
        NOW + 8 * HOUR,
    ]


def test_an_old_number_is_not_believed() -> None:
    budget = Budget()

    heard(budget, NOW, RateLimit_Remaining="0;w=60")
    assert budget.current(NOW + timedelta(seconds=59)) == Allowance(
        0, None, timedelta(seconds=60), NOW + timedelta(seconds=60)
    )
    assert budget.current(NOW + timedelta(seconds=60)) is None

    heard(budget, NOW, RateLimit_Remaining="0")
    assert budget.current(NOW + HOUR) is None


def test_an_answer_without_numbers_changes_nothing() -> None:
    budget = Budget()
    said = heard(budget, NOW, RateLimit_Remaining="7;w=60")

    assert heard(budget, NOW, Content_Type="text/html") == said


@pytest.mark.parametrize(
    ("remaining", "limit", "spare"), [(100, 100, True), (21, 100, True), (20, 100, False), (0, None, False)]
)
def test_background_work_leaves_a_fifth(remaining: int, limit: int | None, spare: bool) -> None:
    assert Allowance(remaining, limit).spare is spare


async def test_each_host_is_listed_with_what_it_was_asked(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry("bearer") as registry, FakeRegistry() as other:
        for server in (registry, other):
            server.push("app", "1")
            await client.head(ImageRef.parse(f"{server.host}/app:1"))

        assert client.budgets() == sorted(
            (
                RegistryBudget(server.host, None, None, None, None, len(server.requests))
                for server in (registry, other)
            ),
            key=lambda budget: budget.host,
        )

        clock.advance(24 * 3600)
        assert client.budgets() == []


async def test_a_limit_is_shown_and_holds_background_work_back(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeQuay() as server:
        server.push("acme/app", "1")
        ref = ImageRef.parse(f"{server.host}/acme/app:1")
        bulk = client.bulk(ref)
        assert bulk
        assert client.spare(ref)
        server.faults.headers = (("RateLimit-Limit", "100;w=60"), ("RateLimit-Remaining", "20;w=60"))

        await anext(aiter(bulk.pages(ref)))

        minute_later = clock.now() + timedelta(seconds=60)
        assert client.budgets() == [RegistryBudget(server.host, 20, 100, minute_later, None, 2)]
        assert not client.spare(ref)
        clock.advance(60)
        assert client.spare(ref)


async def test_nothing_is_spare_during_a_cool_down(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry() as registry:
        registry.faults.status, registry.limits.retry_after = 429, "60"
        ref = ImageRef.parse(f"{registry.host}/app:1")
        with pytest.raises(Exception, match="limits how often"):
            await client.head(ref)

        (budget,) = client.budgets()

        assert budget == RegistryBudget(registry.host, None, None, None, client.cool_down(ref), 1)
        assert budget.cool_down_until == clock.now() + timedelta(seconds=60)
        assert not client.spare(ref)
        clock.advance(61)
        assert client.spare(ref)


async def test_nothing_is_spare_while_a_host_is_dead(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry() as registry:
        registry.faults.down = True
        ref = ImageRef.parse(f"{registry.host}/app:1")
        for _ in range(2):
            with pytest.raises(Exception, match="closed the connection"):
                await client.head(ref)

        assert not client.spare(ref)
        assert client.spare(ImageRef.parse("127.0.0.1:9/app"))
        clock.advance(31)
        assert client.spare(ref)


async def test_a_mirror_that_has_nothing_to_spare_counts(open_client: OpenClient) -> None:
    async with FakeRegistry() as mirror, FakeRegistry() as origin:
        origin.push("app", "1")
        ref = ImageRef.parse(f"{origin.host}/app:1")
        mirror.faults.status, mirror.limits.retry_after = 429, "60"
        async with open_client(mirrors={origin.host: (mirror.url,)}) as client:
            await client.head(ref)

            assert not client.spare(ref)
            assert client.cool_down(ref) is None

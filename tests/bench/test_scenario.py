import asyncio
import re
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from bench.child import ROOT, ChildFailed, child
from bench.expectation import Expectation, Outcome
from bench.registry_options import Auth, Behaviour
from bench.scenario import Rig, Scenario
from bench.scenarios import SCENARIOS
from bench.traffic import Kind

from dockrev.config.server import Config
from dockrev.oci.manifest import ACCEPT
from dockrev.oci.ref import ImageRef

OPEN = Behaviour(auth=Auth.NONE)


async def _named(session: aiohttp.ClientSession, reference: str) -> tuple[int, str | None]:
    ref = ImageRef.parse(reference)
    url = f"http://{ref.registry}/v2/{ref.path}/manifests/{ref.tag}"
    async with session.head(url, headers={"accept": ACCEPT}) as response:
        return response.status, response.headers.get("docker-content-digest")


def _outcomes(rig: Rig) -> Counter[Outcome]:
    return Counter(expected.outcome for expected in rig.expectations)


async def test_a_scenario_and_its_registry_match_the_expectations() -> None:
    scenario = Scenario(images=20, tags=30, floating=6, outdated=4, services_per_image=2, behaviour=OPEN)
    async with scenario.open() as rig, aiohttp.ClientSession() as session:
        for expected in rig.expectations:
            assert expected.offered is not None
            assert await _named(session, expected.reference) == (200, expected.offered.digest)
            assert (expected.offered.digest != expected.running_digest) == (expected.outcome is Outcome.MOVED)
        floating = [each for each in rig.expectations if each.reference.endswith(":latest")]
        report = await rig.stats()

    assert _outcomes(rig) == {Outcome.MOVED: 12, Outcome.NEWER: 8, Outcome.SAME: 20}
    assert len(floating) == 12
    assert {each.outcome for each in floating} == {Outcome.MOVED}
    assert len({(each.project, each.service) for each in rig.expectations}) == 40
    assert report.answers == {Kind.HEAD_TAG: {200: 40}}


async def test_moving_latest_changes_the_expectations_and_the_answers() -> None:
    async with (
        Scenario(images=5, tags=20, floating=1, behaviour=OPEN).open() as rig,
        aiohttp.ClientSession() as session,
    ):
        moved = _floating(rig)
        repository = ImageRef.parse(moved.reference).path
        await rig.move([repository])
        after = _floating(rig)

        assert after.running_digest == moved.running_digest
        assert after.offered is not None
        assert after.offered != moved.offered
        assert await _named(session, after.reference) == (200, after.offered.digest)
        assert rig.truth[repository].before == moved.offered


async def test_slow_dead_and_odd_parts_have_matching_expectations() -> None:
    scenario = Scenario(
        images=5,
        tags=20,
        floating=5,
        slow_images=2,
        dead_images=3,
        odd_repositories=True,
        behaviour=OPEN,
    )
    async with scenario.open() as rig, aiohttp.ClientSession() as session:
        for expected in rig.expectations:
            match expected.outcome:
                case Outcome.UNREACHABLE:
                    with pytest.raises(aiohttp.ClientConnectorError):
                        await _named(session, expected.reference)
                case Outcome.NOT_FOUND:
                    assert await _named(session, expected.reference) == (404, None)
                case Outcome.SERVER_ERROR:
                    assert await _named(session, expected.reference) == (500, None)

    assert _outcomes(rig) == {
        Outcome.MOVED: 5 + 4,
        Outcome.SAME: 2,
        Outcome.UNREACHABLE: 3,
        Outcome.NOT_FOUND: 1,
        Outcome.SERVER_ERROR: 1,
    }
    assert {service.image.registry for service in rig.installation} == set(rig.hosts)
    assert [control is None for control in rig.hosts.values()] == [False, False, True]


async def test_the_environment_configures_the_product_for_the_scenario_only() -> None:
    async with Scenario(images=1, tags=10, floating=0).open() as rig:
        config = Config.from_env(rig.environment)
        socket = Path(config.docker.host.removeprefix("unix://"))

        assert config.docker.host == rig.docker_host
        assert _present(socket, config.registry.credentials_file, rig.directory) == [True, True, True]
        assert config.db_path.parent == rig.directory
        assert config.http.host == "127.0.0.1"
    assert _present(socket, rig.directory) == [False, False]


async def test_a_reset_clears_the_counts_of_both_servers() -> None:
    async with Scenario(images=1, tags=10, floating=0).open() as rig:
        async with aiohttp.ClientSession() as session:
            await _named(session, rig.installation[0].image.reference)
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(rig.docker_host.removeprefix("unix://"))
        ) as session:
            await session.get("http://engine/_ping")
        counted = (await rig.stats()).status(401), (await rig.engine.stats()).total
        await rig.reset()
        empty = (await rig.stats()).requests, (await rig.engine.stats()).total

    assert counted == (1, 1)
    assert empty == (0, 0)


async def test_a_server_that_cannot_start_is_reported() -> None:
    with pytest.raises(ChildFailed, match=r"bench\.synthetic_registry ended with code 2"):
        async with child("bench.synthetic_registry", ["--no-such-flag"]):
            pass


async def test_a_server_ends_with_the_process_that_started_it() -> None:
    async with asyncio.timeout(30):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.synthetic_registry",
            "--http=0",
            "--images=1",
            "--attached",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        assert b"address" in await process.stdout.readline()
        process.stdin.close()

        assert await process.wait() == 0


def test_the_named_scenarios_have_the_sizes_of_the_targets() -> None:
    assert {scenario.images for scenario in SCENARIOS.values()} == {100, 500}
    assert len(set(SCENARIOS.values())) == len(SCENARIOS)
    assert all(scenario.floating * 10 == scenario.images * 3 for scenario in SCENARIOS.values())


def _floating(rig: Rig) -> Expectation:
    return next(expected for expected in rig.expectations if expected.reference.endswith(":latest"))


def _present(*paths: Path) -> list[bool]:
    return [path.exists() for path in paths]


def test_the_guide_lists_the_named_scenarios() -> None:
    guide = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `([SR]\d+[a-z-]*)`", guide, re.MULTILINE) == list(SCENARIOS)

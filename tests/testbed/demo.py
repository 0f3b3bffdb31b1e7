"""
`make demo`: a private engine and registry, small projects with updates waiting, and Dockrev itself.

Everything listens on loopback, uses one directory, and is removed at the end.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from tests.testbed.bed import Bed
from tests.testbed.demo_stacks import stacks
from tests.testbed.projects import Projects
from tests.testbed.requirements import COMPOSE_V2, NoTestbed

ADDRESS = "127.0.0.1:50883"
URL = f"http://{ADDRESS}"
_PATIENCE_SECONDS = 60.0

console = Console()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        with Bed.open("demo") as bed:
            asyncio.run(_demonstrate(bed))
    except NoTestbed as reason:
        console.print(f"[red]The demonstration cannot run here:[/] {reason}")
        return 2
    except ServerEnded as error:
        console.print(f"[red]Dockrev stopped:[/] {error}")
        return 2
    except KeyboardInterrupt:
        console.print("\nRemoving everything.")
    return 0


def _interrupt() -> None:
    raise KeyboardInterrupt


class ServerEnded(Exception):
    """The server did not start, or stopped by itself."""


async def _demonstrate(bed: Bed) -> None:
    console.print("Starting a private Docker engine and registry ...")
    projects = Projects(bed.engine, bed.directory / "projects", bed.docker_config, rename=lambda name: name)
    try:
        shown = await asyncio.to_thread(lambda: stacks(bed, projects))
        for one in shown:
            console.print(f"Starting the Compose project [bold]{one.project.name}[/] ...")
            await asyncio.to_thread(one.project.up)
        for one in shown:
            await asyncio.to_thread(one.publish)
        await _serve_and_show(_environment(bed))
    finally:
        projects.remove_all()


async def _serve_and_show(env: Mapping[str, str]) -> None:
    console.print("Starting Dockrev ...")
    async with _server(env) as server, aiohttp.ClientSession(URL) as api:
        await _until_ready(api, server)
        job = await _check(api)
        console.print(f"Checked {job['summary']['servicesChecked']} services:\n")
        await _dockrev("check", env)
        console.print(f"\nDockrev serves its API on [bold]{URL}[/]; for example:\n")
        console.print(f"    curl {URL}/api/stacks\n    curl {URL}/api/jobs/{job['id']}\n", highlight=False)
        console.print("Ctrl-C stops it and removes everything.")
        raise ServerEnded(f"exit code {await server.wait()}")


async def _dockrev(command: str, env: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "dockrev", command, env=env)
    await process.wait()


@asynccontextmanager
async def _server(env: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs the server in its own process group, so that Ctrl-C reaches this process first."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dockrev", "serve", env=env, start_new_session=True
    )
    try:
        yield server
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


async def _until_ready(api: aiohttp.ClientSession, server: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while server.returncode is None:
            try:
                async with api.get("/api/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    raise ServerEnded(f"exit code {server.returncode}")


async def _check(api: aiohttp.ClientSession) -> Mapping[str, Any]:
    """Starts a check and follows the event stream of its job to the end."""
    async with api.post("/api/checks", json={"scope": "all"}) as answer:
        job_id = (await answer.json())["checkId"]
    async with api.get(f"/api/jobs/{job_id}/events") as events:
        async for line in events.content:
            if line.startswith(b"data: ") and json.loads(line[6:]).get("type") == "job_finished":
                break
    async with api.get(f"/api/jobs/{job_id}") as answer:
        job: Mapping[str, Any] = (await answer.json())["job"]
        return job


def _environment(bed: Bed) -> dict[str, str]:
    """The environment without the caller's Docker settings, so that only the private engine is used."""
    data = Path(bed.directory) / "dockrev"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(bed.docker_config.directory),
        "TERM": os.environ.get("TERM", "dumb"),
        "DOCKER_HOST": bed.engine.host,
        "DOCKREV_COMPOSE_BIN": str(COMPOSE_V2),
        "DOCKREV_HTTP_ADDR": ADDRESS,
        "DOCKREV_DB_PATH": str(data / "dockrev.sqlite3"),
        "DOCKREV_LOG_LEVEL": "warning",
    }


if __name__ == "__main__":
    sys.exit(main())

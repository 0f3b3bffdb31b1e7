"""A simple client of the synthetic registry that shows tests the whole answer."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson
from bench.control import RegistryControl
from bench.registry_options import Behaviour, Stock
from bench.synthetic_registry import SyntheticRegistry, serving
from bench.traffic import TrafficReport

from dockrev.oci.manifest import ACCEPT

SMALL = Stock(images=10, tags=60)


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = 1_000_000.0

    def __call__(self) -> float:
        return self.moment


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        parsed: dict[str, object] = orjson.loads(self.body)
        return parsed


class Asker:
    def __init__(self, control: RegistryControl, session: aiohttp.ClientSession) -> None:
        self.control = control
        self._session = session

    async def ask(
        self,
        path: str,
        method: str = "GET",
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = {"accept": ACCEPT, **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        async with self._session.request(method, path, headers=sent) as response:
            return Reply(response.status, response.headers, await response.read())

    async def token(self, *repositories: str) -> str:
        scopes = "&".join(f"scope=repository:{name}:pull" for name in repositories)
        return str((await self.ask(f"/token?service=bench&{scopes}")).json["token"])

    async def stats(self) -> TrafficReport:
        return await self.control.stats()


@asynccontextmanager
async def asking(
    behaviour: Behaviour, stock: Stock = SMALL, now: Callable[[], float] | None = None
) -> AsyncIterator[Asker]:
    registry = SyntheticRegistry(stock, behaviour, now or Hands())
    async with (
        serving(registry) as host,
        RegistryControl.open(host) as control,
        aiohttp.ClientSession(f"http://{host}") as session,
    ):
        yield Asker(control, session)

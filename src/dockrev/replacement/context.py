"""One replacement and everything that its steps use."""

import asyncio
from dataclasses import dataclass

from dockrev.clock import Clock
from dockrev.hosts.host import Host
from dockrev.replacement.plan import Replacement
from dockrev.replacement.ports import DataSaver, ImageRegistry, Journal, Tell
from dockrev.replacement.waiting import ReplacementPolicies


@dataclass(frozen=True, slots=True)
class ReplacementContext:
    """`cancelled` may be set at any time. It does not stop a rollback that has begun."""

    replacement: Replacement
    host: Host
    registry: ImageRegistry
    journal: Journal
    tell: Tell
    saver: DataSaver
    policies: ReplacementPolicies
    clock: Clock
    cancelled: asyncio.Event

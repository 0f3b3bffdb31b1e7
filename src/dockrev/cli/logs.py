"""Configures the log: colours on a terminal, JSON elsewhere."""

import logging
import sys

import structlog
from structlog.typing import Processor

from dockrev.config.shared import LogConfig

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


_ACTION = structlog.stdlib.ExtraAdder(allow=["action"])
"""Keeps the `action` of those of our modules that log without structlog."""

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""Tracebacks show no local variables, since those may hold passwords and identity headers."""


def configure_logs(config: LogConfig) -> None:
    """Sends our log lines and those of the libraries to standard error in one format."""
    level = logging.getLevelNamesMapping()[config.level.upper()]
    colours = config.format == "console" or (config.format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, _ACTION], processors=_rendering(colours=colours)
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("aiosqlite", "alembic", "asyncio", "sqlalchemy", "uvicorn"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _rendering(*, colours: bool) -> list[Processor]:
    strip: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if colours:
        plain = structlog.dev.plain_traceback
        return [strip, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [strip, _TRACEBACKS, structlog.processors.JSONRenderer()]

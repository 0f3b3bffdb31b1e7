"""What Compose is asked about, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """A project as the labels of its containers describe it; all paths are absolute."""

    name: str
    config_files: tuple[Path, ...]
    working_directory: Path | None = None
    """None: the directory of the first file, as Compose itself decides."""
    env_files: tuple[Path, ...] = ()
    """Empty: `.env` in the working directory, if there is one."""

    @property
    def directory(self) -> Path:
        return self.working_directory or self.config_files[0].parent


@dataclass(frozen=True, slots=True)
class ComposeService:
    name: str
    image: str | None
    builds: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EffectiveConfig:
    services: tuple[ComposeService, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for the operator: undefined variables, or that Compose could not render the files."""

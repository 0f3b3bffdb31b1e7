"""The containers that have to stop before data is replaced."""

from dataclasses import replace

import pytest

from dockrev.backups.users import uses
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.docker.mounts import Mount
from tests.discovery.containers import container

DATA = BackupTarget(TargetKind.BIND, "/srv/blog/data")
VOLUME = BackupTarget(TargetKind.VOLUME, "blog_data")


def bind(source: str, *, read_write: bool) -> Mount:
    return Mount("bind", None, source, "/mnt", read_write)


def volume(name: str, *, read_write: bool) -> Mount:
    return Mount("volume", name, f"/var/lib/docker/volumes/{name}/_data", "/mnt", read_write)


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        (bind("/srv/blog/data", read_write=True), True),
        (bind("/srv/blog/data", read_write=False), True),
        (bind("/srv/blog/data/config", read_write=False), True),
        (bind("/srv", read_write=True), True),
        (bind("/srv", read_write=False), False),
        (bind("/", read_write=False), False),
        (bind("/srv/blog/database", read_write=True), False),
        (volume("blog_data", read_write=True), True),
        (volume("blog_data", read_write=False), True),
        (volume("other", read_write=True), False),
    ],
)
def test_containers_that_write_or_would_keep_the_old_directory_use_the_data(
    mount: Mount, expected: bool
) -> None:
    user = replace(container(), mounts=(mount,))
    assert uses(user, [DATA, VOLUME]) is expected

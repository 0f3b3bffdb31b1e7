from pathlib import Path

from dockrev.compose.models import ProjectFiles
from dockrev.discovery.mounts import missing_mounts


def mounts(*config_files: str, there: tuple[str, ...] = (), directory: str | None = None) -> tuple[str, ...]:
    files = ProjectFiles("blog", tuple(map(Path, config_files)), Path(directory) if directory else None)
    return missing_mounts(files, lambda path: str(path) in there)


def test_a_missing_directory_gives_a_read_only_mount_at_the_same_path() -> None:
    assert mounts("/srv/blog/compose.yaml") == ("- /srv/blog:/srv/blog:ro",)


def test_a_directory_inside_another_one_gives_no_mount() -> None:
    assert mounts("/srv/blog/compose.yaml", "/srv/blog/prod/more.yaml") == ("- /srv/blog:/srv/blog:ro",)


def test_every_directory_of_the_project_gives_a_mount() -> None:
    assert mounts("/etc/blog/compose.yaml", directory="/srv/blog") == (
        "- /etc/blog:/etc/blog:ro",
        "- /srv/blog:/srv/blog:ro",
    )


def test_an_existing_directory_gives_no_mount() -> None:
    assert mounts("/srv/blog/compose.yaml", there=("/srv/blog",)) == ()


def test_paths_that_cannot_be_mounted_are_left_out() -> None:
    assert mounts("/a:b/compose.yaml") == ()
    assert mounts("/a\tb/compose.yaml") == ()
    assert mounts("/a/../b/compose.yaml") == ()
    assert mounts(f"/{'a' * 2000}/compose.yaml") == ()


def test_a_label_with_a_hundred_directories_gives_five_mounts() -> None:
    assert len(mounts(*(f"/srv/{number}/compose.yaml" for number in range(100)))) == 5

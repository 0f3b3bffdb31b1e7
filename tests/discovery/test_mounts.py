from pathlib import Path

from dockrev.compose.models import ProjectFiles
from dockrev.discovery.mounts import missing_mounts


def mounts(*config_files: str, there: tuple[str, ...] = (), directory: str | None = None) -> tuple[str, ...]:
    files = ProjectFiles("blog", tuple(map(Path, config_files)), Path(directory) if directory else None)
    return missing_mounts(files, lambda path: str(path) in there)


def test_the_line_to_add_is_the_directory_at_its_own_path_read_only() -> None:
    assert mounts("/srv/blog/compose.yaml") == ("- /srv/blog:/srv/blog:ro",)


def test_directories_inside_others_need_no_line_of_their_own() -> None:
    assert mounts("/srv/blog/compose.yaml", "/srv/blog/prod/more.yaml") == ("- /srv/blog:/srv/blog:ro",)


def test_every_directory_of_the_project_gets_its_line() -> None:
    assert mounts("/etc/blog/compose.yaml", directory="/srv/blog") == (
        "- /etc/blog:/etc/blog:ro",
        "- /srv/blog:/srv/blog:ro",
    )


def test_what_is_there_needs_no_mount() -> None:
    assert mounts("/srv/blog/compose.yaml", there=("/srv/blog",)) == ()


def test_paths_that_no_mount_can_have_are_left_out() -> None:
    assert mounts("/a:b/compose.yaml") == ()
    assert mounts("/a\tb/compose.yaml") == ()
    assert mounts("/a/../b/compose.yaml") == ()
    assert mounts(f"/{'a' * 2000}/compose.yaml") == ()


def test_a_label_with_a_hundred_directories_does_not_give_a_hundred_lines() -> None:
    assert len(mounts(*(f"/srv/{number}/compose.yaml" for number in range(100)))) == 5

"""Parses lines that `compose up` of 2.40 and 1.29 really prints."""

import pytest

from dockrev.compose.complaints import ESCAPE_HINT, MAX_LENGTH
from dockrev.compose.up_output import UpOutput

TIME = 'time="2026-01-02T03:04:05Z"'
PORT = (
    "driver failed programming external connectivity on endpoint blog-web-1 (9b42): Error starting userland"
    " proxy: listen tcp4 0.0.0.0:8080: bind: address already in use"
)


def printed(*lines: str) -> list[str | None]:
    output = UpOutput()
    return [output.take(line) for line in lines]


def failure(*lines: str) -> str:
    output = UpOutput()
    for line in lines:
        output.take(line)
    return output.failure()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" Container blog-web-1  Recreate", "Container blog-web-1  Recreate"),
        ("Recreating blog_web_1 ... done", "Recreating blog_web_1 ... done"),
        ('Creating network "blog_default" with the default driver',) * 2,
        (f'{TIME} level=warning msg="Found orphan containers ([a])"', "Found orphan containers ([a])"),
        (
            f'{TIME} level=warning msg="The \\"TAG\\" variable is not set."',
            'The "TAG" variable is not set.',
        ),
        (
            'Volume "blog_data" exists but doesn\'t match configuration in compose file. Recreate'
            " (data will be lost)?",
        )
        * 2,
        (f"Error response from daemon: {PORT}",) * 2,
        (
            'Error response from daemon: exec: "nosuch": executable file not found in $PATH: unknown',
            'Error response from daemon: exec: "nosuch": executable file not found in $PATH: unknown',
        ),
        ('invalid proto "s3cret"', "invalid proto ***"),
        (
            "Error response from daemon: failed to mount local volume: mount //nas/x:/v, data:"
            " addr=10.0.0.1,username=a,password=s3cret: permission denied",
            "Error response from daemon: failed to mount local volume: mount //nas/x:/v, data:"
            " addr=10.0.0.1,username=a,password=*** permission denied",
        ),
        ("   ", None),
    ],
)
def test_a_line_is_logged_without_secrets(line: str, shown: str | None) -> None:
    assert printed(line) == [shown]


def test_a_long_line_is_cut() -> None:
    assert len(printed("x" * 10_000)[0] or "") == MAX_LENGTH


def test_a_template_that_cannot_be_interpolated_is_not_shown() -> None:
    lines = (f"invalid interpolation format for web. {ESCAPE_HINT}", "s3cret$", "another s3cret")

    assert printed(*lines) == ["invalid interpolation format for web.", None, None]
    assert failure(*lines) == "invalid interpolation format for web."


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            (
                f'{TIME} level=warning msg="odd"',
                " Container blog-web-1  Starting",
                f"Error response from daemon: {PORT}",
            ),
            f"Error response from daemon: {PORT}",
        ),
        (
            (
                " Container blog-web-1  Creating",
                " Container blog-web-1  Error response from daemon: No such image: web:1",
                "Error response from daemon: No such image: web:1",
            ),
            "Error response from daemon: No such image: web:1",
        ),
        (
            (
                "Recreating blog_web_1 ... error",
                f"ERROR: for ba70_blog_web_1  Cannot start service web: {PORT}",
                "",
                f"ERROR: for web  Cannot start service web: {PORT}",
                "Encountered errors while bringing up the project.",
            ),
            f"Cannot start service web: {PORT}",
        ),
        (
            (
                " Network blog_default  Created",
                "cannot share network namespace with service vpn: container missing",
            ),
            "cannot share network namespace with service vpn: container missing",
        ),
        (
            ("ERROR: No such service: nosuch",),
            "No such service: nosuch",
        ),
        (
            (" Container blog-web-1  Creating", " Container blog-web-1  Starting"),
            "Container blog-web-1  Starting",
        ),
        ((), "it gave no reason"),
    ],
)
def test_the_reason_of_a_failure_is_found(lines: tuple[str, ...], reason: str) -> None:
    assert failure(*lines) == reason


def test_only_the_last_lines_count() -> None:
    reason = failure(
        "an early complaint", *(f" Container blog-web-{n}  Started" for n in range(30)), "the end"
    )

    assert reason == "the end"

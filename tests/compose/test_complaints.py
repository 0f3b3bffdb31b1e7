"""Parses lines that Compose 2.40 and 1.29 really print."""

import pytest

from dockrev.compose.complaints import MAX_LENGTH, error_in, warnings_in

TIME = 'time="2026-01-02T03:04:05Z"'


@pytest.mark.parametrize(
    ("stderr", "warnings"),
    [
        (
            f'{TIME} level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."',
            ('The "TAG" variable is not set. Defaulting to a blank string.',),
        ),
        (
            "The TAG variable is not set. Defaulting to a blank string.",
            ("The TAG variable is not set. Defaulting to a blank string.",),
        ),
        ("WARNING: Some services are odd", ("Some services are odd",)),
        (f'{TIME} level=warning msg="/a.yaml: the attribute `version` is obsolete, it will be ignored"', ()),
        (f'{TIME} level=error msg="boom"', ()),
        ("services.web.image must be a string", ()),
        ("", ()),
    ],
)
def test_warnings_are_separated_from_errors(stderr: str, warnings: tuple[str, ...]) -> None:
    assert warnings_in(stderr) == warnings


def test_a_repeated_warning_is_reported_once() -> None:
    line = f'{TIME} level=warning msg="odd"'

    assert warnings_in(f"{line}\n{line}\n") == ("odd",)


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        (
            "validating /c.yaml: services.web additional properties 'foo' not allowed",
            "validating /c.yaml: services.web additional properties 'foo' not allowed",
        ),
        (
            'service "web" depends on undefined service "db": invalid compose project',
            'service "web" depends on undefined service "db": invalid compose project',
        ),
        (
            "Unsupported config option for services.web: 'foo'",
            "Unsupported config option for services.web: 'foo'",
        ),
        (
            "Service 'web' depends on service 'db' which is undefined.",
            "Service 'web' depends on service 'db' which is undefined.",
        ),
        (
            'failed to parse /c.yaml: line 4: mapping key "image" already defined at line 3',
            'failed to parse /c.yaml: line 4: mapping key "image" already defined at line 3',
        ),
        (
            "The Compose file './c.yaml' is invalid because:\nservices.web contains an invalid type",
            "The Compose file './c.yaml' is invalid because: services.web contains an invalid type",
        ),
        (
            'invalid project name "Foo!": must consist only of lowercase alphanumeric characters',
            'invalid project name "Foo!": must consist only of lowercase alphanumeric characters',
        ),
        (f'{TIME} level=error msg="open /c.yaml: no such file"', "open /c.yaml: no such file"),
        (f'{TIME} level=warning msg="odd"\nboom', "boom"),
        ("", "it gave no reason"),
    ],
)
def test_errors_keep_the_names_of_services_files_and_options(stderr: str, error: str) -> None:
    assert error_in(stderr) == error


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        (
            "invalid interpolation format for services.web.image.\n"
            "You may need to escape any $ with another $.\ns3cret${X",
            "invalid interpolation format for services.web.image.",
        ),
        (
            'Invalid interpolation format for "image" option in service "web": "s3cret${X"',
            'Invalid interpolation format for "image" option in service "web": ***',
        ),
        (
            'failed to read /.env: line 3: unterminated quoted value "s3cret',
            "failed to read /.env: line 3: unterminated quoted value ***",
        ),
        (
            'services.web.environment.P contains {"a": "s3cret"}, which is an invalid type',
            "services.web.environment.P contains ***, which is an invalid type",
        ),
        (
            'Missing mandatory value for "environment" option interpolating s3cret${X:?} in service "web": ',
            'Missing mandatory value for "environment" option interpolating *** in service "web":',
        ),
        ("invalid hostPort: s3cret", "invalid hostPort: ***"),
        ("cannot unmarshal !!str `s3cret` into map", "cannot unmarshal !!str *** into map"),
        (
            'unexpected character "s" in variable name near "s3cret\\n"',
            "unexpected character *** in variable name near ***",
        ),
    ],
)
def test_quoted_values_in_errors_are_masked(stderr: str, error: str) -> None:
    assert error_in(stderr) == error


def test_long_warnings_and_errors_are_cut() -> None:
    assert len(error_in("x" * 100_000)) == MAX_LENGTH
    assert len(warnings_in(f'{TIME} level=warning msg="{"x" * 100_000}"')[0]) == MAX_LENGTH

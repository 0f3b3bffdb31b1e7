"""Reads the warnings and errors that Compose prints on stderr, and masks the values that errors quote.

Compose quotes what it cannot parse: a line of an env file, the value of a variable, a piece of a template.
Such a quotation may be a secret. Only names of services, files and options stay readable.
"""

import re

MAX_LENGTH = 2048
MASK = "***"

_LOGGED = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg="(?P<text>(?:[^"\\]|\\.)*)"')
_LEVEL = re.compile(r"^(?P<level>WARNING|WARN|ERROR): (?P<text>.*)")
_V1_UNDEFINED = re.compile(r"^The \S+ variable is not set\.")
_NOISE = re.compile(r"attribute `version` is obsolete")

_AFTER_NAMING_WORD = (
    r"(?<!\w)(?:[Ss]ervices?|network|[Vv]olume|config|secret|profile|file|option|for|The|In file|Compose file"
    r"|properties|property|project name|mapping key|option for \S+:)"
)
_QUOTED = r"\"[^\"]*\"?|(?<!\w)'[^']*'?|`[^`]*`?"
_NAMED_OR_QUOTED = re.compile(rf"(?P<named>{_AFTER_NAMING_WORD} (?:{_QUOTED}))|(?P<quoted>{_QUOTED})")
_VALUE = re.compile(
    r"(?<=interpolating )(?!services\.).*?(?= in service)"  # V1, mandatory variables
    r"|(?<= contains )[\[{].*(?=, which)"  # V1, a mapping or list in the wrong place
    r"|(?<=[a-z]Port: ).*"  # V2
)
ESCAPE_HINT = "You may need to escape any $ with another $."
"""After this sentence V2 prints the template that it could not interpolate."""


def warnings_in(stderr: str) -> tuple[str, ...]:
    """The warnings, each once: V2 repeats a warning for every file that it loads."""
    warnings = (warning_in_line(line.strip()) for line in stderr.splitlines())
    kept = (text[:MAX_LENGTH] for text in warnings if text and not _NOISE.search(text))
    return tuple(dict.fromkeys(kept))


def error_in(stderr: str) -> str:
    """The reason of a failure, in one line."""
    lines = [line.strip() for line in stderr.partition(ESCAPE_HINT)[0].splitlines()]
    errors = [error_in_line(line) for line in lines if line and warning_in_line(line) is None]
    return " ".join(errors)[:MAX_LENGTH] or "it gave no reason"


def warning_in_line(line: str) -> str | None:
    if _V1_UNDEFINED.match(line):
        return line
    match = _LOGGED.match(line) or _LEVEL.match(line)
    if match is None or not match["level"].lower().startswith("warn"):
        return None
    return match["text"].replace('\\"', '"')


def error_in_line(line: str) -> str:
    match = _LOGGED.match(line) or _LEVEL.match(line)
    text = match["text"].replace('\\"', '"') if match else line
    return _NAMED_OR_QUOTED.sub(lambda quotation: quotation["named"] or MASK, _VALUE.sub(MASK, text))

"""What Compose says on stderr: warnings worth keeping, and errors without the values they quote.

Compose quotes what it cannot parse: a line of an env file, the value of a variable, a piece of a template.
Those may be secrets. Names of services, files and options are kept, other quotations are not.
"""

import re

MAX_LENGTH = 2048
MASK = "***"

_LOGGED = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg="(?P<text>(?:[^"\\]|\\.)*)"')
_LEVEL = re.compile(r"^(?P<level>WARNING|WARN|ERROR): (?P<text>.*)")
_V1_UNDEFINED = re.compile(r"^The \S+ variable is not set\.")
_NOISE = re.compile(r"attribute `version` is obsolete")

_AFTER_NAMING_WORD = (
    r"(?<!\w)(?:[Ss]ervices?|network|volume|config|secret|profile|file|option|for|The|In file|Compose file"
    r"|properties|property|project name|mapping key|option for \S+:)"
)
_QUOTED = r"\"[^\"]*\"?|'[^']*'?|`[^`]*`?"
_NAMED_OR_QUOTED = re.compile(rf"(?P<named>{_AFTER_NAMING_WORD} (?:{_QUOTED}))|(?P<quoted>{_QUOTED})")
_VALUE = re.compile(
    r"(?<=interpolating )(?!services\.).*?(?= in service)"  # V1, mandatory variables
    r"|(?<= contains )[\[{].*(?=, which)"  # V1, a mapping or list in the wrong place
    r"|(?<=[a-z]Port: ).*"  # V2
)
_ESCAPE_HINT = "You may need to escape any $ with another $."
"""V2 prints the template it could not interpolate on the lines after this one."""


def warnings_in(stderr: str) -> tuple[str, ...]:
    """Without duplicates; V2 repeats itself for every file it loads."""
    found = (_warning(line.strip()) for line in stderr.splitlines())
    kept = (text[:MAX_LENGTH] for text in found if text and not _NOISE.search(text))
    return tuple(dict.fromkeys(kept))


def error_in(stderr: str) -> str:
    """Why Compose failed, in one line."""
    lines = [line.strip() for line in stderr.partition(_ESCAPE_HINT)[0].splitlines()]
    errors = [_error(line) for line in lines if line and _warning(line) is None]
    return " ".join(errors)[:MAX_LENGTH] or "it gave no reason"


def _warning(line: str) -> str | None:
    if _V1_UNDEFINED.match(line):
        return line
    said = _LOGGED.match(line) or _LEVEL.match(line)
    if said is None or not said["level"].lower().startswith("warn"):
        return None
    return said["text"].replace('\\"', '"')


def _error(line: str) -> str:
    said = _LOGGED.match(line) or _LEVEL.match(line)
    text = said["text"].replace('\\"', '"') if said else line
    return _NAMED_OR_QUOTED.sub(lambda found: found["named"] or MASK, _VALUE.sub(MASK, text))

"""Learns from the tags of a repository how it numbers its versions. No I/O.

A single tag can be ambiguous: `20241001` is a day or a build number, `2024.10` a month or a release, `16` a
major version or the sixteenth build. The other tags of the repository decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dockrev.versions.reading import Reading, is_day, read
from dockrev.versions.version import Scheme, Version

_YEARS: Final = range(2000, 2100)
_ENOUGH: Final = 3


@dataclass(frozen=True, slots=True)
class RepositoryScheme:
    """`highest_major`: a single number greater than this plus one is a build number. None: each one is.

    `schemes`: the repository's own scheme first.
    """

    years: bool = True
    short_years: bool = False
    days: bool = True
    short_days: bool = False
    numeric_revisions: bool = False
    highest_major: int | None = 999
    schemes: tuple[Scheme, ...] = tuple(Scheme)

    def version(self, tag: str) -> Version | None:
        reading = read(tag)
        return self.version_of(reading) if reading else None

    def version_of(self, reading: Reading) -> Version:
        scheme = self._scheme(reading)
        numbers = _days_first(reading) if scheme is Scheme.DATE else reading.numbers
        pre, revision = reading.pre, reading.revision
        if reading.loose and (self.numeric_revisions or scheme is not Scheme.SEMVER):
            revision = (*reading.loose, *revision)
        else:
            pre = (*((0, number, "") for number in reading.loose), *pre)
        return Version(
            reading.tag, scheme, reading.prefix, reading.family, numbers, pre, revision, reading.base
        )

    def _scheme(self, reading: Reading) -> Scheme:
        first = reading.numbers[0]
        if reading.dashed_date or (self.days and _stamp(first)):
            return Scheme.DATE
        if self.years and first in _YEARS:
            return Scheme.CALVER
        if len(reading.numbers) == 1:
            return self._of_single(first)
        return self._numbered

    @property
    def _numbered(self) -> Scheme:
        """The scheme of dotted numbers without a full year, and of their short forms (24 for 24.04)."""
        return Scheme.CALVER if self.short_years else Scheme.SEMVER

    def _of_single(self, number: int) -> Scheme:
        if self.short_days and _short_day(number):
            return Scheme.DATE
        if self.highest_major is None or number > self.highest_major + 1:
            return Scheme.BUILD
        return self._numbered


UNLEARNED: Final = RepositoryScheme()
"""The numbering of most repositories, for a tag without a known repository."""


def learn_from(readings: Sequence[Reading]) -> RepositoryScheme:
    dotted = [reading for reading in readings if len(reading.numbers) > 1 and not reading.dashed_date]
    single = [reading.numbers[0] for reading in readings if len(reading.numbers) == 1]
    years = _prevails(
        [
            reading.numbers[0] in _YEARS
            for reading in dotted
            if reading.numbers[0] >= 1000 and not _stamp(reading.numbers[0])
        ]
    )
    plain = [
        reading
        for reading in dotted
        if not (_stamp(reading.numbers[0]) or (years and reading.numbers[0] in _YEARS))
    ]
    short = [_short_day(number) for number in single if 10**5 <= number < 10**6]
    learned = RepositoryScheme(
        years=years,
        short_years=_are_short_years(plain),
        days=_prevails(
            [_stamp(reading.numbers[0]) for reading in readings if 10**7 <= reading.numbers[0] < 10**8]
        ),
        short_days=len(short) >= _ENOUGH and all(short),
        numeric_revisions=sum(bool(reading.loose) and not reading.pre for reading in readings) > 1,
        highest_major=max((reading.numbers[0] for reading in plain), default=None),
    )
    return _ranked(learned, readings)


def learn(tags: Iterable[str]) -> RepositoryScheme:
    """Learns from all known tags of a repository."""
    return learn_from([reading for tag in tags if (reading := read(tag))])


def learn_from_one_digest(readings: Sequence[Reading]) -> RepositoryScheme:
    """Learns from the tags of one image.

    If 18.0-20241108 and 18.0 name the same image, then 20241108 is a revision and no pre-release.
    """
    learned = learn_from(readings)
    plain = {replace(reading, tag="", padded=False) for reading in readings}
    repeated = any(
        reading.loose and not reading.pre and replace(reading, loose=()) in plain for reading in plain
    )
    return replace(learned, numeric_revisions=learned.numeric_revisions or repeated)


def _ranked(learned: RepositoryScheme, readings: Iterable[Reading]) -> RepositoryScheme:
    """Puts calendar versions first when the repository has several.

    Projects change from semantic to calendar versions, and hardly ever back.
    """
    months = sum(
        len(reading.numbers) > 1 and learned.version_of(reading).scheme is Scheme.CALVER
        for reading in readings
    )
    if months < _ENOUGH:
        return learned
    ranked = (Scheme.CALVER, *(scheme for scheme in Scheme if scheme is not Scheme.CALVER))
    return replace(learned, schemes=ranked)


def _prevails(signs: Sequence[bool]) -> bool:
    """At least nine of ten signs are true: a few exceptions do not count."""
    return sum(signs) * 10 >= len(signs) * 9


def _stamp(number: int) -> bool:
    """A day, optionally with hours, minutes and seconds: 20241013, 202410131334."""
    digits = str(number)
    return len(digits) in {8, 10, 12, 14} and is_day(int(digits[:8]))


def _short_day(number: int) -> bool:
    """A day such as 241013."""
    return is_day(20_000_000 + number)


def _are_short_years(dotted: Iterable[Reading]) -> bool:
    """Are 24.04 and 24.10 years and months? One answer for all tags keeps them in one line.

    Every pair of first and second number counts once, however many tags begin with it. A pair that is no
    month (23.0, 4.13) rules the calendar out, unless nearly all pairs are months with a leading zero.
    """
    padded: dict[tuple[int, int], bool] = {}
    for reading in dotted:
        pair = reading.numbers[0], reading.numbers[1]
        padded[pair] = padded.get(pair, False) or reading.padded
    months = [_is_month(*pair) for pair in padded]
    if not any(sign and _is_month(*pair) for pair, sign in padded.items()):
        return False
    return all(months) or (
        _prevails(months) and _prevails([sign for (_, second), sign in padded.items() if second < 10])
    )


def _is_month(year: int, month: int) -> bool:
    """The numbers of a tag such as 24.04."""
    return 4 <= year <= 99 and 1 <= month <= 12


def _days_first(reading: Reading) -> tuple[int, ...]:
    """Makes 20241013, 202410131334 and 241013 comparable."""
    first, *others = reading.numbers
    if first < 10**6:
        return (20_000_000 + first, *others)
    digits = str(first)
    time = (int(digits[8:].ljust(6, "0")),) if len(digits) > 8 else ()
    return (int(digits[:8]), *time, *others)

"""Lengths of time: how far back a feature looks, and what that is called."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stockade.errors import DefinitionError

MICROSECOND = timedelta(microseconds=1)

# Largest first: a window is named in the largest unit that divides it.
_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "m"),
    (timedelta(seconds=1), "s"),
    (timedelta(milliseconds=1), "ms"),
    (MICROSECOND, "us"),
)
_WORDS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A window without a beginning: everything known so far."""


LIFETIME = Lifetime()
Window = timedelta | Lifetime


def seconds(number: int) -> timedelta:
    """A length of `number` seconds."""
    return timedelta(seconds=number)


def minutes(number: int) -> timedelta:
    """A length of `number` minutes."""
    return timedelta(minutes=number)


def hours(number: int) -> timedelta:
    """A length of `number` hours."""
    return timedelta(hours=number)


def days(number: int) -> timedelta:
    """A length of `number` days of 24 hours."""
    return timedelta(days=number)


def microseconds(length: timedelta) -> int:
    """The length as whole microseconds, exactly."""
    return length // MICROSECOND


def microseconds_since_1970(instant: datetime) -> int:
    """An instant with a time zone as Spark counts time, exactly."""
    return microseconds(instant - datetime.fromtimestamp(0, tz=instant.tzinfo))


def in_words(length: timedelta) -> str:
    """The length as people say it, in the largest unit that divides it: `1 hour`, `30 days`."""
    for unit, name in _WORDS:
        if length % unit == timedelta(0):
            count = length // unit
            return f"{count} {name}" + ("" if count == 1 else "s")
    return f"{length.total_seconds():g} seconds"


def suffix(window: Window) -> str:
    """The window's name inside a feature's name: `1h`, `30d`, `lifetime`."""
    if isinstance(window, Lifetime):
        return "lifetime"
    for unit, letters in _UNITS:
        if window % unit == timedelta(0):
            return f"{window // unit}{letters}"
    raise DefinitionError(f"window '{window}' is finer than a microsecond")  # cannot happen


def check_window(window: object, *, who: str) -> None:
    """Refuse anything but a positive `timedelta` or `LIFETIME`."""
    if isinstance(window, Lifetime):
        return
    if not isinstance(window, timedelta):
        raise DefinitionError(
            f"{who}: window {window!r} is a {type(window).__name__}, "
            "wanted a length such as days(7), or LIFETIME"
        )
    if window <= timedelta(0):
        raise DefinitionError(f"{who}: window '{window}' must be longer than zero")


def check_delay(delay: object, *, who: str, what: str = "delay") -> None:
    """Refuse anything but a `timedelta` of zero or more."""
    if not isinstance(delay, timedelta):
        raise DefinitionError(f"{who}: {what} {delay!r} must be a length such as days(7)")
    if delay < timedelta(0):
        raise DefinitionError(f"{who}: {what} '{delay}' must not be negative")

"""What a demo shows while it works: each step, how long it took, and what came of it."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

screen = Console(highlight=False)


class Said:
    """What a step has to say of its result."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.text = ""

    def __call__(self, text: str) -> None:
        """Say it."""
        self.text = text


@contextmanager
def step(what: str) -> Generator[Said]:
    """Show that a step is under way; when it is done, its seconds and what it said."""
    said = Said()
    begin = time.monotonic()
    with screen.status(what) if screen.is_terminal else _quiet():
        yield said
    _show(time.monotonic() - begin, what, said.text)


class Laps:
    """Shows each of several things that one call does, and how long it took."""

    def __init__(self) -> None:
        """The first begins now."""
        self._begin = time.monotonic()

    def __call__(self, what: str, said: str) -> None:
        """One is done."""
        now = time.monotonic()
        _show(now - self._begin, what, said)
        self._begin = now


@contextmanager
def _quiet() -> Generator[None]:
    yield


def _show(took: float, what: str, said: str) -> None:
    screen.print(f"{took:6.1f} s  {what}" + (f": {said}" if said else ""))

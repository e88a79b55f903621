"""A trial in a process of its own: when it hangs or crashes, only the trial is lost.

Python can neither stop a running fit nor survive its segmentation fault or the kernel's killing
it for memory. So each process that evaluates trials keeps one child that does the work, and
replaces it when it is lost. Only the child imports the learners, which takes seconds.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """An objective whose every call is made in a child process, within a time.

    Attributes:
        objective: what is evaluated, as text; see `stockade.learning.child`.
        deadline: the longest that one evaluation may take; then its process is killed.
    """

    objective: str
    deadline: timedelta

    def __call__(self, params: Mapping[str, Any], bars: Sequence[float] = ()) -> dict[str, Any]:
        """Hyperopt's result; never raises."""
        began, begun = time.time(), time.monotonic()
        try:
            request = json.dumps([self.objective, dict(params), list(bars)], default=_plain)
            result: dict[str, Any] = json.loads(_child().ask(request, self.deadline))
        except _LostError as lost:
            end_child()
            result = {"status": "fail", "reason": str(lost)}
        except Exception as fault:  # a trial fails alone, whatever it was
            end_child()
            result = {"status": "fail", "reason": f"{type(fault).__name__}: {fault}"[:1000]}
        return {"began": began, "seconds": time.monotonic() - begun} | result


class _LostError(Exception):
    """Raised when the child gives no answer, with the reason."""


class _Child:
    """The process that evaluates; requests and answers are lines of JSON."""

    def __init__(self) -> None:
        self.parent = os.getpid()
        self.answers, theirs = os.pipe()
        self.process = subprocess.Popen(  # noqa: S603 -- this interpreter and a module of ours
            [sys.executable, "-m", "stockade.learning.child", str(theirs)],
            stdin=subprocess.PIPE,
            # Libraries may print; answers have a pipe of their own.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        os.close(theirs)
        self._line(timedelta(seconds=_START_SECONDS))

    @property
    def alive(self) -> bool:
        """Whether it is this process's own, and running."""
        return self.parent == os.getpid() and self.process.poll() is None

    def ask(self, request: str, deadline: timedelta) -> str:
        if self.process.stdin is None:
            raise _LostError("its process has no input")
        try:
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise _LostError(self._end()) from None
        return self._line(deadline)

    def _line(self, deadline: timedelta) -> str:
        until, line = time.monotonic() + deadline.total_seconds(), b""
        while not line.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise _LostError(f"took over {deadline}: its process was killed")
            part = os.read(self.answers, 1 << 16)
            if not part:
                raise _LostError(self._end())
            line += part
        return line.decode()

    def _end(self) -> str:
        code = self.process.wait()
        if code < 0:
            told = signal.Signals(-code).name
            return f"its process was ended by {told}: often it ran out of memory"
        return f"its process ended with code {code}"

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.answers)
        if self.parent != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()


# One at most.
_children: list[_Child] = []


def end_child() -> None:
    """End this process's child, if it has one."""
    while _children:
        _children.pop().close()


atexit.register(end_child)


def _child() -> _Child:
    if not _children or not _children[0].alive:
        end_child()
        _children.append(_Child())
    return _children[0]


def _plain(value: object) -> object:
    """A parameter as JSON knows it: what NumPy drew may be a scalar of its own kind."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a parameter cannot be a {type(value).__name__}")

"""What the ledger says: which intervals of a table are done, from what, and which are not."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Literal

from stockade.errors import DefinitionError

State = Literal["waiting", "running", "failed", "done", "stale"]

# Within one attempt, what was said later; attempts themselves rise.
_RANK: Mapping[State, int] = {"waiting": 0, "running": 1, "failed": 2, "done": 3, "stale": 4}
DAY = timedelta(days=1)
# Names of inputs that are files: their versions are digests, which have no order.
FILES = "files:"
# The version of an input that has none, such as a view of the catalog.
UNVERSIONED = -1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Interval:
    """The days `[start, end)`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        """Check the order."""
        if not self.start < self.end:
            raise DefinitionError(f"start {self.start} must be before end {self.end}")

    @classmethod
    def of(cls, day: date) -> "Interval":
        """One day."""
        return cls(start=day, end=day + DAY)

    def days(self) -> Iterator[date]:
        """Each day."""
        day = self.start
        while day < self.end:
            yield day
            day += DAY

    def holds(self, day: date) -> bool:
        """Whether a day lies within."""
        return self.start <= day < self.end


Inputs = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger; lines are added and never changed.

    Attributes:
        table: what was written.
        fingerprint: of the definition it was written by.
        interval: a day, of an attempt; any days, of a change of the inputs; None there if the
            change concerns none.
        attempt: rises with each attempt to write the interval.
        state: what became of the attempt; a change of the inputs is `stale`.
        run_id: who says so.
        inputs: table -> version that was read.
        newer: of a change: the versions since which the interval is stale.
        version: the table's, with the rows in it.
        rows, content_hash: of the interval.
        reason: for people; without data.
    """

    table: str
    fingerprint: str
    interval: Interval | None
    attempt: int
    state: State
    run_id: str
    inputs: Inputs
    newer: Inputs | None = None
    version: int | None = None
    rows: int | None = None
    content_hash: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Book:
    """The lines of one table, read together."""

    entries: tuple[Entry, ...]
    # The attempts that notes of commits name, day by day: a line may be lost, its commit not.
    noted: Mapping[date, int] = field(default_factory=dict[date, int])

    @cached_property
    def current(self) -> Mapping[date, Entry]:
        """Day -> the line that holds for it: of the highest attempt, the furthest state."""
        found: dict[date, Entry] = {}
        for entry in self.entries:
            if entry.newer is None and entry.interval is not None:
                day = entry.interval.start
                if day not in found or _order(entry) >= _order(found[day]):
                    found[day] = entry
        return found

    @cached_property
    def _links(self) -> Mapping[tuple[str, str], Mapping[str, tuple[Interval, ...]]]:
        """(fingerprint, inputs) -> newer inputs -> the intervals that are stale since."""
        links: dict[tuple[str, str], dict[str, tuple[Interval, ...]]] = {}
        for entry in self.entries:
            if entry.newer is not None:
                to = links.setdefault((entry.fingerprint, key_of(entry.inputs)), {})
                more = () if entry.interval is None else (entry.interval,)
                to[key_of(entry.newer)] = to.get(key_of(entry.newer), ()) + more
        return links

    def with_entries(self, more: Iterable[Entry]) -> "Book":
        """The book with lines added."""
        return Book((*self.entries, *more), self.noted)

    def next_attempt(self, days: Iterable[date]) -> int:
        """A number above that of every attempt at any of the days, whatever became of it."""
        wanted = set(days)
        known = [
            entry.attempt
            for entry in self.entries
            if entry.newer is None and entry.interval and entry.interval.start in wanted
        ]
        known += [attempt for day, attempt in self.noted.items() if day in wanted]
        return max(known, default=0) + 1

    def unlinked(self, days: Iterable[date], *, fingerprint: str, inputs: Inputs) -> list[Inputs]:
        """Inputs that done days were made from, of which it is not known what changed since.

        What changed must be found out from the latest inputs to which the changes are known.
        """
        asked: dict[str, Inputs] = {}
        for day in days:
            entry = self.current.get(day)
            if entry is None or entry.state != "done" or entry.fingerprint != fingerprint:
                continue
            if not _unversioned(entry.inputs):
                reached = self._path(fingerprint, entry.inputs, inputs)
                if not reached.there and not reached.newer:
                    asked[key_of(reached.last)] = reached.last
        return list(asked.values())

    def wanted(self, days: Iterable[date], *, fingerprint: str, inputs: Inputs) -> dict[date, str]:
        """Day -> why it must be written, of the days that must."""
        said = {day: self._why(day, fingerprint, inputs) for day in days}
        return {day: why for day, why in said.items() if why}

    def _why(self, day: date, fingerprint: str, inputs: Inputs) -> str:
        entry = self.current.get(day)
        if entry is None:
            return "not written yet"
        if entry.state == "stale":
            return entry.reason
        if entry.state != "done":
            return "waited for its inputs" if entry.state == "waiting" else "was not finished"
        if entry.fingerprint != fingerprint:
            return "written by another definition"
        if _unversioned(entry.inputs):
            return "its inputs have no versions to compare"
        path = self._path(fingerprint, entry.inputs, inputs)
        if any(interval.holds(day) for interval in path.stale):
            return "its inputs changed"
        return "" if path.there or path.newer else "what changed in its inputs is not known"

    def _path(self, fingerprint: str, old: Inputs, new: Inputs) -> "_Path":
        """The known changes from old inputs to new ones, by the fewest steps."""
        if _at_least(old, new):
            return _Path(last=old, there=same(old, new), newer=not same(old, new))
        goal, start = key_of(new), key_of(old)
        seen: dict[str, tuple[Interval, ...]] = {start: ()}
        queue, last = deque([start]), start
        while queue:
            here = last = queue.popleft()
            if here == goal or _at_least(inputs_of(here), new):
                return _Path(last=inputs_of(here), there=True, stale=seen[here])
            for following, intervals in self._links.get((fingerprint, here), {}).items():
                if following not in seen:
                    seen[following] = seen[here] + intervals
                    queue.append(following)
        return _Path(last=inputs_of(last), stale=seen[last])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    last: Inputs
    there: bool = False
    newer: bool = False
    stale: tuple[Interval, ...] = ()


def runs(days: Iterable[date]) -> list[Interval]:
    """Days as intervals without gaps, none across the end of a month: a month is one job.

    The months are the scopes of `Fence`, so that no commit lies in two of them.
    """
    found: list[Interval] = []
    for day in sorted(set(days)):
        if found and found[-1].end == day and day.day != 1:
            found[-1] = Interval(start=found[-1].start, end=day + DAY)
        else:
            found.append(Interval.of(day))
    return found


def month_of(day: date) -> Interval:
    """The month that a day lies in."""
    first = day.replace(day=1)
    return Interval(start=first, end=(first + timedelta(days=32)).replace(day=1))


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same days in as few intervals as can be."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.start <= found[-1].end:
            end = max(found[-1].end, one.end)
            found[-1] = Interval(start=found[-1].start, end=end)
        else:
            found.append(one)
    return found


def key_of(inputs: Inputs) -> str:
    """Inputs as text, equal for equal ones."""
    return json.dumps(dict(inputs), sort_keys=True, separators=(",", ":"))


def inputs_of(key: str) -> Inputs:
    """The inputs that `key_of` wrote."""
    return json.loads(key)


def same(one: Inputs, other: Inputs) -> bool:
    """Whether the inputs are known to be equal."""
    return dict(one) == dict(other) and not _unversioned(one)


def states(book: Book, days: Sequence[date]) -> dict[State, int]:
    """How many of the days are in which state."""
    found: dict[State, int] = {}
    for day in days:
        entry = book.current.get(day)
        if entry is not None:
            found[entry.state] = found.get(entry.state, 0) + 1
    return found


def _unversioned(inputs: Inputs) -> bool:
    return UNVERSIONED in inputs.values()


def _at_least(one: Inputs, other: Inputs) -> bool:
    """Whether each input is of the same version or a newer one."""
    if set(one) != set(other) or _unversioned(one):
        return False
    return all(
        one[name] == version if name.startswith(FILES) else one[name] >= version
        for name, version in other.items()
    )


def _order(entry: Entry) -> tuple[int, int]:
    return entry.attempt, _RANK[entry.state]

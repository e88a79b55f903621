"""What was recorded otherwise than the day before: schemas, definitions, versions."""

import json
from collections.abc import Iterable, Iterator

import pandas as pd

from stockade.watching.past import SOURCE, Day
from stockade.watching.tally import ON_DAY


def source_changes(
    states: pd.DataFrame, *, on: Day
) -> Iterator[tuple[str, Day, list[tuple[str, str, str]]]]:
    """Sources whose columns were recorded on a day and before: with the day before, and changes."""
    schemas = states[(states["layer"] == SOURCE) & (states["item"] == "schema")]
    for source, rows in schemas.groupby("subject"):
        days = rows[ON_DAY].to_numpy().astype("datetime64[D]")
        held = dict(sorted(zip(days, rows["state"].astype(str), strict=True)))
        earlier = [one for one in held if one < on]
        if on in held and earlier:
            yield str(source), earlier[-1], list(schema_changes(held[earlier[-1]], held[on]))


def schema_changes(before: str, now: str) -> Iterator[tuple[str, str, str]]:
    """Of two schemas as JSON, what differs: column, type before, type now; '' where it is not."""
    old, new = json.loads(before), json.loads(now)
    for column in sorted({*old, *new}):
        if old.get(column, "") != new.get(column, ""):
            yield column, old.get(column, ""), new.get(column, "")


def changed_days(items: Iterable[tuple[Day, str, str]]) -> Iterator[tuple[Day, str, str, str]]:
    """Of (day, item, state), the days on which an item's state was not that of the day before."""
    last: dict[str, str] = {}
    for day, item, state in sorted(items):
        if item in last and last[item] != state:
            yield day, item, last[item], state
        last[item] = state

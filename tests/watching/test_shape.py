"""What a source's rows are made of: contracts, columns, keys, volume, and how late they come."""

import json
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from stockade.watching.arrivals import UNDECLARED
from stockade.watching.causes import Cause, diagnosed
from stockade.watching.changes import source_changes
from stockade.watching.judge import Alert, Judge
from stockade.watching.lineage import Lineage
from stockade.watching.measures import source_measures
from stockade.watching.past import MEASURES, SOURCE, STATES, Found, Past, bins_of
from stockade.watching.tally import LATE, ON_DAY, Shape, tally

# pyarrow's stubs know few of the forms of `pa.table`.
# pyright: reportCallIssue=false, reportArgumentType=false

FIRST, DAYS, A_DAY = date(2026, 1, 5), 30, 1_000
LAST = np.datetime64(FIRST, "D") + np.timedelta64(DAYS - 1, "D")
BEFORE, NOW = '{"amount": "double", "id": "bigint"}', '{"amount": "string", "new": "int"}'
STATES_OF = pd.DataFrame(
    [(np.datetime64(LAST) - n, SOURCE, "pays", "schema", schema)
     for n, schema in ((1, BEFORE), (0, NOW))], columns=list(STATES),
)  # fmt: skip
Scalars = Mapping[tuple[str, str], float]


def rows_of(last: int, nulls: float) -> pa.Table:
    """A month of amounts and countries, each a minute late but one in two thousand: two hours."""
    draw = np.random.default_rng(1)
    per_day = [A_DAY] * (DAYS - 1) + [last]
    n = sum(per_day)
    amount = draw.lognormal(3, 1, n)
    amount[n - last : n - last + round(last * nulls)] = np.nan
    return pa.table(
        {
            ON_DAY: pa.array([FIRST + timedelta(days=d) for d, k in enumerate(per_day)
                              for _ in range(k)]),
            "amount": amount,
            "country": pa.array(draw.choice(["DE", "FR"], n)),
            LATE: np.where(np.arange(n) % 2_000 == 0, 7_200.0, 60.0),
        }
    )  # fmt: skip


def watched(
    odd: Scalars, *, last: int = A_DAY, nulls: float = 0.0, states: pd.DataFrame | None = None
) -> tuple[list[Found], list[Alert], tuple[Cause, ...]]:
    """A month that is as always, but for its last day: measures, alerts and causes of that."""
    held = pd.DataFrame(columns=list(STATES)) if states is None else states
    shape = Shape(numbers=("amount", LATE), texts=("country",), slices=("country",))
    bins = bins_of(tally(rows_of(last, nulls), shape).to_pandas(), layer=SOURCE, subject="pays")
    past = Past.of(bins=bins, states=held, measures=pd.DataFrame(columns=list(MEASURES)))
    judge = Judge(past=past, lineage=Lineage(tables={}, inputs={}))
    found: list[Found] = []
    alerts: list[Alert] = []
    for n in range(DAYS):
        day = np.datetime64(FIRST, "D") + np.timedelta64(n, "D")
        rows = float(last if day == LAST else A_DAY)
        scalars = {
            ("", "rows"): rows, ("", "copies"): 0.0, ("", "violating"): 1.0,
            ("amount below 0", "violations"): 1.0, ("account_id", "distinct"): 0.4 * rows,
            ("amount", "null_share"): 0.0, ("", "hours_since_last_event"): 0.1,
        }  # fmt: skip
        if day == LAST:
            scalars |= odd
        root = "table pays"
        found = list(source_measures(past, "pays", day, scalars=scalars, root=root, allowed=0.02))
        if states is not None and day == LAST:
            found.append(Found(layer=SOURCE, subject="pays", measure="columns_changed", value=2.0))
        _, alerts = judge.day(day, found)
        assert not alerts or day == LAST
    return found, alerts, diagnosed(alerts[0], past, held) if alerts else ()


def test_rows_that_break_the_contract_alarm_with_the_rules_they_break() -> None:
    odd = {("", "violating"): 301.0, ("amount below 0", "violations"): 1.0,
           ("amount above 9", "violations"): 300.0}  # fmt: skip
    found, (alert,), causes = watched(odd)

    assert {one.found.measure for one in alert.signals} == {
        "violation_share", "violations_per_allowed",
    }  # fmt: skip
    assert {o.measure: o.value for o in found}["violations_per_allowed"] == pytest.approx(15.05)
    assert (causes[0].kind, causes[0].explained) == ("contract violation", 1.0)
    assert "'amount above 9' by 300 of 1,000" in causes[0].text
    assert "below 0" not in causes[0].text


def test_nulls_that_break_the_contract_are_told_as_nulls() -> None:
    odd = {("", "violating"): 401.0, ("amount missing", "violations"): 400.0,
           ("amount", "null_share"): 0.4}  # fmt: skip
    _, _, causes = watched(odd, nulls=0.4)

    assert [one.kind for one in causes[:2]] == ["null burst", "contract violation"]
    assert causes[0].explained > 0.95


def test_a_column_that_changed_is_the_cause_of_all_that_follows() -> None:
    odd = {("", "violating"): 1_000.0, (UNDECLARED, "violations"): 1_000.0,
           ("amount", "null_share"): 1.0}  # fmt: skip
    _, _, causes = watched(odd, nulls=1.0, states=STATES_OF)

    assert (causes[0].kind, causes[0].column) == ("schema change", "amount")
    assert causes[0].explained > 0.95
    assert causes[0].text.endswith("'amount' was double and is string; 'id' bigint is gone")


def test_schemas_are_compared_with_the_last_that_was_seen() -> None:
    assert [(source, *changes) for source, _, changes in source_changes(STATES_OF, on=LAST)] == [
        ("pays", ("amount", "double", "string"), ("id", "bigint", ""), ("new", "", "int"))
    ]
    assert json.loads(NOW)["new"] == "int"
    assert [*source_changes(STATES_OF, on=LAST + np.timedelta64(1, "D"))] == []


def test_rows_that_share_one_key_alarm() -> None:
    _, (alert,), causes = watched({("account_id", "distinct"): 3.0})

    assert [one.found.measure for one in alert.signals] == ["distinct_per_row"]
    assert (causes[0].kind, causes[0].column) == ("key collapse", "account_id")
    assert "3 values in 1,000 rows" in causes[0].text


def test_more_rows_of_the_same_kinds_are_more_and_copies_are_copies() -> None:
    _, _, more = watched({("account_id", "distinct"): 1_200.0}, last=3 * A_DAY)
    _, _, copies = watched({("", "copies"): 2.0 * A_DAY}, last=3 * A_DAY)

    assert [one.kind for one in more] == ["volume change"]
    assert "3 times what it should have" in more[0].text
    assert copies[0].kind == "duplicated rows"
    assert "volume change" not in [one.kind for one in copies]


def test_the_suggested_settling_delay_waits_for_all_but_one_in_a_thousand() -> None:
    (found,) = (one for one in watched({})[0] if one.measure == "settling_delay")

    # The end of the bin that holds a minute; the rare ones that take two hours are not waited for.
    assert 60 <= found.value <= 60 * 2**0.25
    assert found.estimated
    assert found.low <= found.value <= found.high

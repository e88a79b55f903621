"""Steps, bends and odd days are found where they were planted, and seldom where none was."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockade.analysis import Trends, trends
from stockade.errors import ColumnNotFoundError, DataError

WEEK = np.array([0.0, 0.5, 0.0, 0.5, 1.0, -3.0, -4.0])
Values = np.ndarray


def history(days: int = 180, *, seed: int = 0, noise: float = 1.0) -> tuple[pd.DataFrame, Values]:
    draw = np.random.default_rng(seed)
    days_of = pd.date_range("2026-01-05", periods=days)
    return pd.DataFrame({"day": days_of}), 100 + WEEK[np.arange(days) % 7] + noise * (
        draw.standard_normal(days)
    )


def scanned(change: Callable[[Values, Values], Values]) -> Trends:
    table, values = history()
    return trends(table.assign(logins=change(values, np.arange(len(values)))), on="day")


def test_a_step_is_found_on_its_day_and_with_its_size() -> None:
    (found,) = scanned(lambda values, n: values + 5.0 * (n >= 100)).found

    (change,) = found.changes
    assert change.kind == "step"
    assert abs((change.day - pd.Timestamp("2026-04-15")).days) <= 1
    assert change.after - change.before == pytest.approx(5, abs=1)


def test_what_begins_to_grow_bends_and_does_not_climb_stairs() -> None:
    (found,) = scanned(lambda values, n: values + 0.2 * np.maximum(n - 90, 0)).found

    (change,) = found.changes
    assert change.kind == "bend"
    assert abs((change.day - pd.Timestamp("2026-04-05")).days) <= 10
    assert change.slope_before == pytest.approx(0, abs=0.03)
    assert change.slope_after == pytest.approx(0.2, abs=0.03)


def test_odd_days_are_told_from_weekends_and_are_no_change_of_level() -> None:
    found = scanned(lambda values, n: values + 9.0 * np.isin(n, (60, 61)) - 9.0 * (n == 130))

    table = found.table()
    assert set(table["what"]) == {"odd day"}
    assert set(table["day"]) >= {
        pd.Timestamp("2026-03-06"), pd.Timestamp("2026-03-07"), pd.Timestamp("2026-05-15"),
    }  # fmt: skip
    assert len(table) <= 5
    # The Sundays, four below the rest, are as they should be.
    (one,) = found.found
    sundays = one.days[one.days["day"].dt.day_of_week == 6]
    assert sundays["season"].mean() == pytest.approx(-4 + 5 / 7, abs=0.5)


def test_noise_has_few_changes_and_as_many_odd_days_as_were_allowed() -> None:
    table, _ = history(120)
    many = table.assign(**{f"f{seed}": history(120, seed=seed)[1] for seed in range(60)})

    found = trends(many, on="day", false_a_year=60)

    changed = [one.name for one in found.found if one.changes]
    assert len(changed) <= 3
    assert sum(one.days["odd"].sum() for one in found.found) <= 60 * 120 / 365


def test_the_oddest_feature_comes_first_and_what_cannot_be_judged_is_named() -> None:
    table, values = history()
    steps = values + 8.0 * (np.arange(len(values)) >= 100)
    table = table.assign(quiet=history(seed=3)[1], steps=steps, flat=1.0, text="x",
                         young=np.where(np.arange(len(values)) > 170, values, np.nan))  # fmt: skip

    found = trends(table, on="day")

    assert [one.name for one in found.found] == ["steps", "quiet"]
    assert found.skipped == {
        "flat": "never moves", "text": "is not a number",
        "young": "has 9 days, and 28 are needed",
    }  # fmt: skip
    assert len(found.figure(most=2).axes) == 2


def test_days_without_a_value_are_never_odd() -> None:
    table, values = history()
    table = table.assign(logins=values).drop(index=range(40, 50))
    table.loc[table.index[90], "logins"] = np.nan

    (found,) = trends(table, on="day").found

    days = found.days
    assert len(days) == len(values)
    assert days["value"].isna().sum() == 11
    assert not days["odd"][days["value"].isna()].any()


def test_two_rows_of_a_day_and_a_missing_column_are_refused() -> None:
    table, values = history()
    table = table.assign(logins=values)

    with pytest.raises(DataError, match="more than one row: group the rows by 'day'"):
        trends(pd.concat([table, table]), on="day")
    with pytest.raises(ColumnNotFoundError, match="did you mean 'day'"):
        trends(table, on="dya")

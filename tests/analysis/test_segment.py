"""Planted concentrations of loss are named by their own conditions; chance is not."""

import numpy as np
import pandas as pd
import pytest

from stockade.analysis import segments
from stockade.errors import DataError, DefinitionError

COLUMNS = ["country", "channel", "amount", "age", "is_verified"]


def payments(seed: int, *, planted: bool = True, rows: int = 8_000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    found = pd.DataFrame(
        {
            "country": draw.choice(np.array(["US", "DE", "BR", "GB"], object), rows),
            "channel": draw.choice(np.array(["web", "app", None], object), rows, p=(0.5, 0.4, 0.1)),
            "amount": draw.lognormal(4, 1, rows), "age": draw.exponential(300, rows).round(),
            "is_verified": draw.random(rows) < 0.7,
        }
    )  # fmt: skip
    risk = np.full(rows, 0.01)
    if planted:
        risk[found["channel"].isna()] = 0.10
        risk[(found["country"] == "BR") & (found["age"] >= 420)] = 0.15
    lost = draw.random(rows) < risk
    return found.assign(loss=np.where(lost, draw.lognormal(4, 1.8, rows), 0.0))


def test_two_planted_segments_are_named_and_nothing_else() -> None:
    rows = payments(0)

    found = segments(rows, loss="loss", columns=COLUMNS)

    assert {tuple(sorted(one.columns)) for one in found.found} == {("age", "country"), ("channel",)}
    old, nulls = sorted(found.found, key=lambda one: len(one.columns), reverse=True)
    assert "country = 'BR'" in old.conditions
    assert nulls.where == "channel IS NULL"
    # Counted by hand.
    holds = rows["channel"].isna()
    assert nulls.rows == holds.sum()
    assert nulls.support == pytest.approx(holds.mean())
    share = rows.loc[holds, "loss"].sum() / rows["loss"].sum()
    assert nulls.loss_share == pytest.approx(share)
    assert nulls.lift == pytest.approx(share / holds.mean())
    assert nulls.p_value <= 0.05
    assert found.rest_share < 0.6
    assert len(found.figure().axes) == 1


def test_the_same_segments_are_counted_in_another_period() -> None:
    found = segments(payments(0), loss="loss", columns=COLUMNS)
    later = payments(1)

    again = found.on(later).set_index("where")

    holds = later["channel"].isna()
    assert again.loc["channel IS NULL", "rows"] == holds.sum()
    assert (again["lift"] > 1.5).all()


def test_as_sql_a_segment_is_the_same_rows() -> None:
    duckdb = pytest.importorskip("duckdb")
    rows = payments(0)
    found = segments(rows, loss="loss", columns=COLUMNS)

    for one in found.found:
        [(counted,)] = duckdb.sql(f"SELECT count(*) FROM rows WHERE {one.where}").fetchall()  # noqa: S608
        assert counted == one.rows


@pytest.mark.slow
def test_where_loss_falls_by_lot_hardly_a_segment_is_named() -> None:
    named = [
        segments(payments(seed, planted=False, rows=4_000), loss="loss", columns=COLUMNS,
                 shuffles=60).found
        for seed in range(30)
    ]  # fmt: skip

    # One in twenty is allowed; 6 or more of 30 come by chance once in three hundred times.
    assert sum(bool(found) for found in named) < 6


def test_what_makes_no_sense_is_refused() -> None:
    rows = payments(0, rows=500)

    with pytest.raises(DataError, match="holds no loss"):
        segments(rows.assign(loss=0.0), loss="loss", columns=COLUMNS)
    with pytest.raises(DataError, match="negative in 1 rows"):
        segments(rows.assign(loss=[-1.0, *[1.0] * 499]), loss="loss", columns=COLUMNS)
    with pytest.raises(DefinitionError, match="10 shuffles cannot tell a chance of"):
        segments(rows, loss="loss", columns=COLUMNS, shuffles=10)

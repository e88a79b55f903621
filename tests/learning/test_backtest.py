"""Replaying a model: each date learns what was known then, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from stockade.errors import DataError, DefinitionError
from stockade.learning.backtest import Backtest, backtest
from stockade.learning.data import learning_data
from stockade.learning.evaluate import evaluate
from stockade.learning.models import fit_spec
from stockade.learning.train import learning_columns
from tests.learning.samples import INPUTS, MATURITY, spec_with, training_table

SPEC = spec_with(validation=timedelta(days=2), negatives=1.0)
COLUMNS = learning_columns(SPEC, INPUTS)
DATES = (datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC))
END = datetime(2026, 3, 17, tzinfo=UTC)
BUILT = datetime(2026, 4, 30, tzinfo=UTC)
PARAMS = {"n_estimators": 12, "max_depth": 3}


def reported_table() -> pa.Table:
    """The sample with reports that take up to two days, and one in ten of them eight."""
    table = training_table()
    random = np.random.default_rng(3)
    decided = table.column("decided_at").to_numpy()
    positive = table.column("returned").to_numpy()
    hours = np.where(random.random(len(decided)) < 0.1, 8 * 24, random.uniform(1, 48, len(decided)))
    known = decided + (hours * 3_600_000_000).astype("timedelta64[us]")
    for n, at in enumerate(DATES):
        date = np.datetime64(at.replace(tzinfo=None), "us")
        told = positive & (known <= date)
        due = decided + np.timedelta64(MATURITY, "us") <= date
        column = pa.array(told, mask=~(told | due))
        table = table.append_column(f"returned__{n}", column)
    return table


def replayed(table: pa.Table) -> Backtest:
    return backtest(
        SPEC, table, COLUMNS, [(at, f"returned__{n}") for n, at in enumerate(DATES)],
        end=END, built_at=BUILT, algorithm="xgboost", params=PARAMS,
    )  # fmt: skip


def changed(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_a_step_learns_what_was_known_and_is_judged_by_what_is_known_in_the_end() -> None:
    table = reported_table()

    found = replayed(table)

    first, second = found.steps
    assert first.evaluations["retrained"] is not None
    assert first.evaluations["frozen"] is not None
    assert first.evaluations["frozen"].roc_auc == first.evaluations["retrained"].roc_auc
    decided = table.column("decided_at").to_numpy()
    begin = np.datetime64(DATES[1].replace(tzinfo=None), "us")
    due = decided + np.timedelta64(MATURITY, "us") <= begin
    then = np.array(table.column("returned__1").to_pylist(), object)
    assert second.known == int(due.sum())
    assert second.known_positives == int((then[due] == True).sum())  # noqa: E712
    late = (then == False) & table.column("returned").to_numpy() & (decided < begin)  # noqa: E712
    assert second.revised == int(late.sum()) > 0
    inside = (decided >= begin) & (decided < np.datetime64(END.replace(tzinfo=None), "us"))
    assert second.rows == int(inside.sum())
    # By hand, from the rows that the second date knew.
    learnt = learning_data(
        table.filter(pa.array(decided < begin)),
        replace(COLUMNS, label="returned__1", state=None), maturity=MATURITY, built_at=DATES[1],
    )  # fmt: skip
    test = learning_data(table.filter(pa.array(inside)), COLUMNS, built_at=BUILT)
    scores = fit_spec(SPEC, PARAMS, "xgboost", learnt).predict(test.rows)
    by_hand = evaluate(
        test.labels, scores, test.decided_at,
        entities=test.entities, capacity=SPEC.review_capacity,
    )  # fmt: skip
    retrained = second.evaluations["retrained"]
    assert retrained is not None
    assert retrained.average_precision == by_hand.average_precision


def test_what_came_later_changes_no_step_before_it() -> None:
    table = reported_table()
    later = table.column("decided_at").to_numpy() >= np.datetime64(DATES[1].replace(tzinfo=None))
    labels = table.column("returned").to_numpy()
    amounts = table.column("amount").to_numpy()

    other = changed(table, "returned", np.where(later, ~labels, labels))
    other = changed(other, "amount", np.where(later, -amounts, amounts))

    assert replayed(other).steps[0] == replayed(table).steps[0]


def test_hindsight_alone_sees_the_labels_of_the_end() -> None:
    table = reported_table()
    before = table.column("decided_at").to_numpy() < np.datetime64(DATES[0].replace(tzinfo=None))
    labels = table.column("returned").to_numpy()
    random = np.random.default_rng(0).permutation(labels)

    one = replayed(table).steps[0].evaluations
    other = replayed(changed(table, "returned", np.where(before, random, labels))).steps[0]

    assert other.evaluations["retrained"] == one["retrained"]
    assert other.evaluations["frozen"] == one["frozen"]
    assert other.evaluations["hindsight"] != one["hindsight"]


def test_the_pooled_figures_are_of_all_decisions_of_the_steps() -> None:
    found = replayed(reported_table())

    assert found.pooled["retrained"].rows == sum(step.rows for step in found.steps)
    assert found.pooled["retrained"].positives == sum(step.positives for step in found.steps)
    assert found.net is None


def test_dates_out_of_order_and_dates_that_knew_nothing_are_refused() -> None:
    table = reported_table()
    with pytest.raises(DefinitionError, match="training dates must lie in order"):
        backtest(
            SPEC, table, COLUMNS, [(DATES[1], "returned__1"), (DATES[0], "returned__0")],
            end=END, built_at=BUILT, algorithm="xgboost", params=PARAMS,
        )  # fmt: skip
    none = changed(table, "returned__0", np.zeros(len(table), np.bool_))
    with pytest.raises(DataError, match=r"at 2026-03-09 0 of \d+ mature decisions were positive"):
        replayed(none)

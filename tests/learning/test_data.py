"""What of a training set reaches a learner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from stockade.errors import ColumnNotFoundError, DataError, EmptyTableError, SchemaError
from stockade.learning.data import Columns, learning_data

COLUMNS = Columns(inputs=("amount", "is_new"), label="returned", decided_at="decided_at")
WITH_ACCOUNT = Columns(
    inputs=("amount",), label="returned", decided_at="decided_at", entity="account_id"
)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def table(**columns: object) -> pa.Table:
    given = {
        "decided_at": pa.array([day(3), day(1), day(2)], pa.timestamp("us", tz="UTC")),
        "amount": [30.0, 10.0, None],
        "is_new": [True, None, False],
        "returned": [True, False, False],
    }
    return pa.table(given | columns)  # type: ignore[arg-type]


def test_rows_are_ordered_by_time_and_null_becomes_nan() -> None:
    data = learning_data(table(), COLUMNS)

    np.testing.assert_array_equal(data.rows, np.array([[10, np.nan], [np.nan, 0], [30, 1]]))
    assert data.labels.tolist() == [False, False, True]
    assert data.decided_at.astype("datetime64[D]").astype(str).tolist() == [
        "2026-03-01", "2026-03-02", "2026-03-03",
    ]  # fmt: skip


def test_money_is_a_number() -> None:
    data = learning_data(table(amount=[Decimal("30.10"), Decimal("10.00"), None]), COLUMNS)

    assert data.rows[2, 0] == np.float32(30.10)


def test_all_inputs_that_are_not_numbers_are_refused_together_with_the_remedy() -> None:
    wrong = table(amount=[day(1), day(2), day(3)], is_new=[[1], [2], [3]])

    with pytest.raises(ExceptionGroup) as refused:
        learning_data(wrong, COLUMNS)

    told = [str(fault) for fault in refused.value.exceptions]
    assert ["'amount' is timestamp" in told[0], "'is_new' is list" in told[1]] == [True, True]
    assert all("hide it, or derive one of these from it" in one for one in told)
    assert all(isinstance(fault, SchemaError) for fault in refused.value.exceptions)


def rails(values: list[str | None]) -> pa.Table:
    moments = [day(1) + timedelta(minutes=n) for n in range(len(values))]
    return pa.table(
        {
            "decided_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "rail": pa.array(values, pa.string()).dictionary_encode(),
            "returned": pa.array([n % 3 == 0 for n in range(len(values))]),
        }
    )


RAIL = Columns(inputs=("rail",), label="returned", decided_at="decided_at")


def test_text_is_the_place_of_its_value_and_what_is_rare_or_unseen_is_missing() -> None:
    given = rails(["card"] * 30 + ["ach"] * 50 + ["wire"] * 30 + ["somebody's own"] * 3 + [None])

    data = learning_data(given, RAIL)

    assert data.categories == {"rail": ("ach", "card", "wire")}
    assert data.kinds == ["c"]
    np.testing.assert_array_equal(data.rows[[0, 30, 80], 0], [1, 0, 2])
    assert np.isnan(data.rows[110:, 0]).all()
    # A part of the rows is told by the same numbers when the values are given.
    part = replace(RAIL, categories=data.categories)
    assert learning_data(given.slice(80, 40), part).rows[0, 0] == 2
    assert data.take(slice(0, 2)).categories == data.categories


def test_text_that_identifies_is_refused() -> None:
    with pytest.raises(DataError, match="input 'rail' has 1,200 different values"):
        learning_data(rails([f"u{n}" for n in range(1200)]), RAIL)


def test_an_infinite_input_is_refused_by_name_and_count() -> None:
    with pytest.raises(DataError, match=r"input 'amount' is infinite.* in 2 rows"):
        learning_data(table(amount=[np.inf, 1.0, -1e300]), COLUMNS)


def test_a_missing_input_names_the_closest_column() -> None:
    columns = Columns(inputs=("amuont",), label="returned", decided_at="decided_at")

    with pytest.raises(ColumnNotFoundError, match="no column 'amuont': did you mean 'amount'"):
        learning_data(table(), columns)


def test_pending_labels_are_left_out_and_counted() -> None:
    data = learning_data(table(returned=[None, True, False]), COLUMNS)

    assert (len(data), data.pending, data.immature) == (2, 1, 0)


def test_a_positive_known_early_is_left_out_when_its_contemporaries_are_pending() -> None:
    data = learning_data(table(returned=[True, False, None]), COLUMNS)

    assert (len(data), data.positives, data.pending, data.immature) == (1, 0, 1, 1)


def test_a_censored_label_is_left_out_and_leaves_its_contemporaries_in() -> None:
    states = pa.array(["censored", "positive", "negative"])
    columns = replace(COLUMNS, state="returned__state")
    data = learning_data(table(returned=[None, True, False], returned__state=states), columns)

    assert (len(data), data.pending, data.immature, data.censored) == (2, 0, 0, 1)


def test_maturity_is_counted_back_from_the_build_date_inclusive() -> None:
    data = learning_data(table(), COLUMNS, maturity=timedelta(days=3), built_at=day(5))

    assert (len(data), data.immature) == (2, 1)


def test_nothing_mature_says_how_many_are_pending() -> None:
    with pytest.raises(EmptyTableError, match="of 3 rows 3 are pending"):
        learning_data(table(returned=pa.array([None] * 3, pa.bool_())), COLUMNS)


def test_a_timestamp_without_a_zone_is_refused() -> None:
    naive = pa.array([datetime(2026, 3, 1)] * 3, pa.timestamp("us"))  # noqa: DTZ001

    with pytest.raises(SchemaError, match=r"'decided_at' is timestamp.us., not a timestamp with"):
        learning_data(table(decided_at=naive), COLUMNS)


def test_another_zone_is_the_same_instant() -> None:
    instants = table().column("decided_at")
    elsewhere = instants.cast(pa.timestamp("ns", tz="America/New_York"))

    data = learning_data(table(decided_at=elsewhere), COLUMNS)

    assert data.decided_at[0] == np.datetime64("2026-03-01T00:00:00", "us")


def test_a_label_of_two_is_refused() -> None:
    with pytest.raises(DataError, match="'returned' is neither 0 nor 1 in 1 rows"):
        learning_data(table(returned=[2, 1, 0]), COLUMNS)


def test_entities_are_coded_in_the_order_of_their_values_and_null_is_the_last() -> None:
    data = learning_data(table(account_id=["b", None, "a"]), WITH_ACCOUNT)

    assert data.entities.tolist() == [2, 0, 1]

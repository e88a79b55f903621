"""What Spark counts of sources and of models, on real tables."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from stockade import Contract, EventSource, Rule, hours
from stockade.building.features import Inputs
from stockade.scoring.predictions import Scoring, write_predictions
from stockade.store.tables import Tables
from stockade.target import Target
from stockade.watching.arrivals import UNDECLARED, Arrived, arrivals
from stockade.watching.decided import Watched, feature_bins, score_bins
from stockade.watching.tally import DIFFERS, HOUR, LATE, RESCORED, SAME, counts
from tests.building.samples import NOTE, at
from tests.scoring.samples import SPEC, fill, taught

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 1)
pays = EventSource(
    name="pays", origin="pays", event_time="paid_at", available_at="known_at",
    contract=Contract(columns={"amount": Rule(type="double", required=True, low=0)},
                      unique="pay_id", ahead=hours(1)),
)  # fmt: skip


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    held = Tables(spark, Target.local(tmp_path_factory.mktemp("watched")))
    rows: list[tuple[object, ...]] = [
        ("a", "ann", at("2026-02-28 09:00:00"), at("2026-02-28 09:01:00"), 5.0),
        ("b", "ann", at("2026-03-01 10:00:00"), at("2026-03-01 10:01:00"), 5.0),
        ("c", None, at("2026-02-27 10:00:00"), at("2026-03-01 11:00:00"), -1.0),  # two days late
        ("d", "bob", at("2026-03-01 18:00:00"), at("2026-03-01 18:01:00"), None),
        # The first, sent again as it was.
        ("a", "ann", at("2026-02-28 09:00:00"), at("2026-03-01 19:00:00"), 5.0),
        ("e", "bob", at("2026-03-02 00:00:00"), at("2026-03-02 00:00:00"), 5.0),
    ]
    schema = "pay_id string, who string, paid_at timestamp, known_at timestamp, amount double"
    held.replace("pays", spark.createDataFrame(rows, schema), note=NOTE)
    return held


def arrived(tables: Tables, source: EventSource = pays) -> Arrived:
    return arrivals(
        Inputs.of(tables), source, keys=["who", "pay_id"], since=DAY, until=DAY + timedelta(days=1)
    )


def test_a_day_is_what_came_to_be_known_on_it(tables: Tables) -> None:
    found = arrived(tables)

    scalars = {
        (row["column"], row["measure"]): row["value"] for row in found.scalars.to_dict("records")
    }
    assert {one: scalars[one] for one in scalars if one[0] == ""} == {
        ("", "rows"): 4, ("", "copies"): 1, ("", "violating"): 3,
        ("", "hours_since_last_event"): 6,
    }  # fmt: skip
    assert scalars["who", "null_share"] == 0.25
    assert scalars["pay_id", "distinct"] == 4
    assert {column: n for (column, measure), n in scalars.items() if measure == "violations"} == {
        "amount missing": 1, "amount below 0": 1, "pay_id repeated": 1,
    }  # fmt: skip
    late = found.bins[(found.bins["column"] == LATE) & (found.bins["slice"] == "")]
    assert sum(counts(late).values()) == 4
    assert len(late) == 3  # a minute, more than a day, two days
    assert counts(found.bins[found.bins["column"] == HOUR]) == {"=10": 2, "=18": 1, "=09": 1}
    assert set(found.bins["column"]) == {"", "amount", LATE, HOUR}


def test_rows_that_are_not_as_declared_break_the_contract_one_and_all(tables: Tables) -> None:
    contract = Contract(columns={"amount": Rule(type="bigint"), "fee": Rule()})
    odd = EventSource(
        name="pays", origin="pays", event_time="paid_at", available_at="known_at",
        contract=contract,
    )  # fmt: skip

    found = arrived(tables, odd).scalars

    assert dict(found[found["measure"] == "violations"][["column", "value"]].to_numpy()) == {
        UNDECLARED: 4.0
    }


def test_scores_that_other_inputs_were_written_with_are_skew(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tables = Tables(spark, Target.local(tmp_path_factory.mktemp("skewed")))
    fill(tables)
    schema = "payment_id bigint, account_id string, decided_at timestamp, amount double"
    rows = [(n, "ann", datetime(2026, 3, 2 + n % 2, 1, n, tzinfo=UTC), 9.0 + n) for n in range(40)]
    tables.replace("decisions", spark.createDataFrame(rows, schema), note=NOTE)
    days = {"since": date(2026, 3, 2), "until": date(2026, 3, 4)}
    champion = taught()
    (written,) = write_predictions(tables, [Scoring(spec=SPEC, champion=champion)], **days)
    predictions = tables.read(written.table)
    watched = Watched(spec=SPEC, champion=champion, predictions=written.table)

    def rescored(sample: int) -> dict[str, float]:
        found = feature_bins(Inputs.of(tables), watched, predictions, **days, sample=sample)
        again = found[found["column"] == RESCORED]
        assert len(found[found["column"] == ""]["on_day"].unique()) == 2
        return dict(counts(again))

    assert rescored(sample=1_000) == {f"={SAME}": 40}
    assert 5 < rescored(sample=10)[f"={SAME}"] < 36
    assert sum(counts(score_bins(predictions, **days).query("column == 'score'")).values()) == 80
    # A payment is corrected after the decision: what was written is no longer what follows.
    later = tables.read("payments").withColumn(
        "amount", F.when(F.col("amount") == 30.0, 1.0).otherwise(F.col("amount"))
    )
    tables.replace("payments", later, note=NOTE)
    skewed = rescored(sample=1_000)
    assert 10 < skewed[f"={DIFFERS}"] <= 40

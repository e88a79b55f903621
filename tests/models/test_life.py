"""A model of the pack from a world's first event to the scores of its last month."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from examples.exchange.demo import exchange, learning
from stockade import connect
from stockade.champion import PROBABILITY
from stockade.target import Target
from trust_safety.models.ach_bank_return import ach_bank_return
from trust_safety.simulator.spark import fill

pytestmark = pytest.mark.slow


def test_a_model_lives_from_the_first_event_to_its_scores(
    spark: SparkSession, tmp_path: Path
) -> None:
    lived = exchange(0.02, seed=7, days=300)
    target = Target.local(tmp_path)
    store = connect("trust_safety.features", "trust_safety.models", target=target, spark=spark)
    spec = ach_bank_return
    fill(store.tables, lived)
    start, end = learning(lived)

    manifest = store.build(spec, start=start, end=end, as_of=end).manifest

    spine = spec.training_set.spine
    assert manifest["rows"] > 300
    assert manifest["label_states"]["positive"] > 5
    assert store.audit(spec.training_set.name).require().rows == manifest["rows"]
    assert store.rebuild(spec.training_set.name).identical

    trained = store.train(spec, trials=1, runner="serial")

    judged = trained.judgement
    assert judged.rules is not None
    assert judged.evaluation.positives > 0
    # Whoever is refused by the gates scores in the shade.
    shadow = not store.promote(spec).promoted
    scored = store.score(spec, since=end.date(), until=lived.end, explain=3, shadow=shadow)

    rows = store.tables.read(scored.table)
    assert scored.rows == rows.count() == rows.select(*spine.id).distinct().count() > 0
    found = rows.agg(
        F.min(PROBABILITY).alias("low"), F.max(PROBABILITY).alias("high"),
        F.collect_set("model_version").alias("versions"),
    ).collect()[0]  # fmt: skip
    assert 0 <= found.low < found.high <= 1
    assert found.versions == [1]
    assert rows.where(F.col(spine.decided_at) < F.lit(end)).count() == 0

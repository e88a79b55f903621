"""Every training set of the pack on a small exchange: it builds, holds no hindsight, teaches."""

from datetime import UTC, datetime, time, timedelta

import pytest
from pyspark.sql import SparkSession

from stockade import ModelSpec
from stockade.definitions.registry import Registry
from stockade.feature_store import FeatureStore
from stockade.target import Target
from trust_safety.simulator.spark import fill
from trust_safety.simulator.world import START, world

pytestmark = pytest.mark.slow

PACK = Registry.load("trust_safety.features", "trust_safety.models")
WORLD = world(0.01, seed=7)
FIRST = datetime.combine(START + timedelta(days=20), time(), UTC)
LAST = datetime.combine(WORLD.end, time(), UTC)


@pytest.fixture(scope="module")
def exchange(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    store = FeatureStore(PACK, Target.local(tmp_path_factory.mktemp("exchange")), spark)
    fill(store.tables, WORLD)
    return store


@pytest.mark.parametrize("spec", PACK.all(ModelSpec), ids=lambda spec: spec.name)
def test_a_training_set_builds_holds_no_hindsight_and_has_positives(
    exchange: FeatureStore, spec: ModelSpec
) -> None:
    built = exchange.build(spec, start=FIRST, end=LAST, as_of=LAST)

    exchange.audit(spec.training_set.name).require()
    assert built.manifest["label_states"]["positive"] > 0

"""Small generated training sets, and a model to be learnt from them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from stockade import (
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    ModelSpec,
    Spine,
    TrainingSet,
    Uniform,
    count,
    days,
)
from stockade.definitions.spine import NEGATIVE, POSITIVE
from stockade.learning.data import Columns, LearningData, learning_data
from stockade.learning.tracking import Destination
from stockade.learning.train import Pinned

INPUTS = ("amount", "logins_1d", "returns_30d", "is_new")
MATURITY = timedelta(days=2)

_transfers = EventSource(name="transfers", origin="events.transfers", event_time="made_at")
_returns = EventSource(name="returns", origin="events.returns", event_time="returned_at")
_transfer_counts = FeatureView(
    name="transfer_counts",
    entity=Entity(name="account", keys="account_id"),
    source=_transfers,
    aggregates={"transfers": count(windows=(days(1),))},
)

SPEC = ModelSpec(
    name="payment_return",
    training_set=TrainingSet(
        name="deposits_labelled",
        spine=Spine(
            name="deposits", origin="bronze.deposits", decided_at="decided_at", id="deposit_id"
        ),
        features=FeatureService(name="payment_return", features=(_transfer_counts,)),
        label=Label(
            name="returned",
            source=_returns,
            keys={"deposit_id": "deposit_id"},
            horizon=days(1),
            reporting_delay=days(1),
        ),
    ),
    search={
        "max_depth": Uniform(low=2, high=4, whole=True),
        "learning_rate": Uniform(low=0.05, high=0.3, log=True),
    },
    fixed={"n_estimators": 12},
    review_entity="account_id",
    review_capacity=5,
    validation=days(3),
    folds=2,
    test=days(3),
    trials=4,
    seed=7,
)

PINNED = Pinned(
    definitions_json='{"is": "pinned"}',
    fingerprints={"logins_1d": "aa", "returns_30d": "bb"},
    inputs=INPUTS,
    training_table="trust_safety.deposits_labelled",
    training_version="3",
    training_place="/tables/deposits_labelled",
    content_hash="12345678901234567890",
)


def training_table(rows: int = 1200, *, seed: int = 0, signal: str = "crossed") -> pa.Table:
    """Twenty days of deposits; `crossed` risk needs two inputs at once, `linear` risk does not."""
    random = np.random.default_rng(seed)
    amount = random.lognormal(3, 1, rows)
    logins = random.poisson(3, rows)
    returns = random.normal(size=rows)
    new = random.random(rows) < 0.3
    size = np.log(amount) - 3
    logit = 2.5 * size * returns - 2 if signal == "crossed" else 3 * returns - 2
    labels = random.random(rows) < 1 / (1 + np.exp(-logit))
    seconds = random.integers(0, 20 * 86_400, rows).astype("timedelta64[s]")
    decided_at = (np.datetime64("2026-03-01", "us") + seconds).astype("datetime64[us]")
    unknown = random.random(rows) < 0.1
    # A report takes up to two days; the rest is honest once they have passed.
    took = (np.random.default_rng(seed + 1).random(rows) * 2 * 86_400e6).astype("timedelta64[us]")
    known_at = decided_at + np.where(labels, took, np.timedelta64(2, "D"))
    return pa.table(
        {
            "deposit_id": pa.array(np.arange(rows)),
            "account_id": pa.array([f"a{n:03d}" for n in random.integers(0, 150, rows)]),
            "decided_at": pa.array(decided_at).cast(pa.timestamp("us", tz="UTC")),
            "amount": pa.array(amount),
            "logins_1d": pa.array(logins),
            "returns_30d": pa.array(returns, mask=unknown),
            "is_new": pa.array(new),
            "returned": pa.array(labels),
            "returned__state": pa.array(np.where(labels, POSITIVE, NEGATIVE)),
            "returned__known_at": pa.array(known_at).cast(pa.timestamp("us", tz="UTC")),
        }
    )


def training_data(rows: int = 1200, *, seed: int = 0, signal: str = "crossed") -> LearningData:
    """The same as numbers."""
    columns = Columns(inputs=INPUTS, label="returned", decided_at="decided_at", entity="account_id")
    return learning_data(training_table(rows, seed=seed, signal=signal), columns)


def spec_with(**changes: object) -> ModelSpec:
    """The model with some of its fields changed."""
    return replace(SPEC, **changes)  # type: ignore[arg-type]


def destination(folder: Path) -> Destination:
    """SQLite and artifacts under the folder."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return Destination(
        tracking_uri=uri,
        registry_uri=uri,
        experiment="/trust_safety/payment_return",
        registered_model="models.payment_return",
    )

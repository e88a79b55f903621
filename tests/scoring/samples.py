"""A model that has learnt that each of its inputs makes a return likelier, and what it judges."""

from dataclasses import replace

import numpy as np

from stockade import (
    Action,
    Derived,
    EventSource,
    FeatureService,
    LookupView,
    ModelSpec,
    Policy,
)
from stockade.champion import Champion
from stockade.decisions import Calibration, DecisionRule
from stockade.definitions.fingerprint import service_fingerprints, to_json
from stockade.learning.data import LearningData
from stockade.learning.models import fit
from stockade.store.tables import Tables
from tests.building.samples import NOTE, account, at, training, view

profile = LookupView(
    name="profile", entity=account, columns=("tier",),
    source=EventSource(name="profiles", origin="profiles", event_time="since"),
)  # fmt: skip
recent = view.select("mean_amount_2d")
POLICY = Policy(
    loss="amount",
    actions=(Action(name="allow"), Action(name="review", cost=1.5, prevented=0.9, capped=True)),
)
SPEC = ModelSpec(
    name="payment_return",
    training_set=replace(
        training,
        features=FeatureService(
            name="f", spine_columns="amount",
            features=(recent, profile,
                      Derived(name="ratio", expression="try_divide(amount, mean_amount_2d)")),
        ),
    ),
    policy=POLICY,
)  # fmt: skip
INPUTS = SPEC.training_set.features.inputs()
RULE = DecisionRule(policy=POLICY, mean_loss=20.0, price=90.0, explored=0.0)


def taught() -> Champion:
    """It has learnt that each input makes a return likelier."""
    random = np.random.default_rng(2)
    rows = (random.random((400, len(INPUTS))) * 2).astype(np.float32)
    times = np.datetime64("2026-01-01", "us") + np.arange(400).astype("timedelta64[h]")
    data = LearningData(
        inputs=INPUTS, rows=rows, labels=rows.sum(axis=1) > len(INPUTS), decided_at=times,
        entities=np.arange(400),
    )  # fmt: skip
    model = fit({"n_estimators": 40, "max_depth": 2}, "xgboost", data)
    return Champion(
        name="payment_return", version=3, run_id="", algorithm="xgboost", params={},
        inputs=INPUTS, fingerprints=service_fingerprints(SPEC.training_set.features),
        definitions_json=to_json(SPEC.training_set), training_table="t", training_version="1",
        label="returned", metrics={}, files=model.files(),
        calibration=Calibration("platt", np.array([0.0, 1.0]), np.array([0.0, 0.5])), rule=RULE,
        judgement={}, population={}, meanings={}, categories={},
    )  # fmt: skip


def fill(tables: Tables) -> None:
    """Payments, decisions and tiers."""
    paid = (
        ("ann", at("2026-03-01 10:00:00"), 10.0),
        ("ann", at("2026-03-02 00:00:00"), 30.0),
        ("ann", at("2026-03-03 00:00:00"), 99.0),  # at the decision's instant
        ("bob", at("2026-03-02 10:00:00"), 5.0),
    )
    rows: dict[str, tuple[str, list[tuple[object, ...]]]] = {
        "payments": ("account_id string, paid_at timestamp, amount double", [*paid]),
        "profiles": ("account_id string, since timestamp, tier int",
                     [("ann", at("2026-01-01"), 1), ("ann", at("2026-02-01"), 2)]),
        "decisions": ("payment_id bigint, account_id string, decided_at timestamp, amount double",
                      [(2, "ann", at("2026-03-03 00:00:00"), 60.0)]),
    }  # fmt: skip
    for name, (schema, given) in rows.items():
        tables.replace(name, tables.spark.createDataFrame(given, schema), note=NOTE)

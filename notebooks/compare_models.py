# Databricks notebook source
# MAGIC %md
# MAGIC # Build a training set, and compare models
# MAGIC
# MAGIC A training set is built as of a date, audited, and learnt from. The search sees
# MAGIC validation periods only; what is compared here is the test period, which chose nothing.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from stockade import Files, connect
from stockade.notebook import Page
from stockade.target import Target

page = Page(globals())
target = page.widget("target", "")
definitions = page.widget("definitions", "examples.card_fraud.cards,examples.card_fraud.model")
model = page.widget("model", "card_fraud")
start = page.widget("start", "2018-06-17")
end = page.widget("end", "2018-08-12")
trials = int(page.widget("trials", "4"))
scale = float(page.widget("scale", "0.1"))

store = connect(*definitions.split(","), target=Target.parse(target) if target else None)
spec = store.registry.model(model)

# COMMAND ----------

# MAGIC %md
# MAGIC On a laptop without data, payments with three frauds in them are generated.

# COMMAND ----------

if store.target.folder is not None and not store.tables.exists("card_transactions"):
    from examples.card_fraud.demo import RENAME
    from examples.card_fraud.generator import world, write

    path = write(world(scale, days=150), Path(tempfile.mkdtemp()))
    store.ingest(
        Files(path=str(path)), "card_transactions", naive_utc=["TX_DATETIME"], rename=RENAME
    )

# COMMAND ----------


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


built = store.build(spec, start=midnight(start), end=midnight(end), as_of=midnight(end))
page.show(
    pd.Series(built.manifest["label_states"], name="decisions by state of their label").to_frame()
)

# COMMAND ----------

audit = store.audit(spec.training_set.name).require()
page.show(pd.Series(audit.checks, name=f"rows of {audit.rows:,} that break a rule").to_frame())

# COMMAND ----------

trained = store.train(spec, trials=trials)
judgement = trained.judgement
compared = pd.DataFrame(
    {
        name: {
            "average precision": found.average_precision,
            "ROC AUC": found.roc_auc,
            f"precision at {found.capacity} a day": found.precision_at_capacity,
            "calibration error": found.calibration_error,
        }
        for name, found in (
            (f"{trained.algorithm}, test period", judgement.evaluation),
            ("scorecard, test period", judgement.baseline),
            (f"{trained.algorithm}, validation", trained.validation),
        )
    }
).T
page.show(compared.round(4))

# COMMAND ----------

page.show(
    pd.DataFrame(
        [
            {"low": one.low, "high": one.high, "metric": metric}
            for metric, one in judgement.intervals.items()
        ]
    ).set_index("metric")
)

# COMMAND ----------

figure = Figure(figsize=(10, 3.4))
found_axes, reliability, importance = figure.subplots(1, 3)
reviewed, positives, _ = zip(*judgement.gains, strict=True)
found_axes.plot(reviewed, positives)
found_axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
found_axes.set(title="found", xlabel="share reviewed", ylabel="share of positives")
said, happened, _ = zip(*judgement.reliability, strict=True)
reliability.plot(said, happened, marker=".")
reliability.plot([0, max(said)], [0, max(said)], color="grey", linewidth=0.8)
reliability.set(title="calibration", xlabel="probability", ylabel="share of positives")
top = list(judgement.importance.items())[:8][::-1]
importance.barh([name for name, _ in top], [value for _, value in top])
importance.set(title="mean contribution")
figure.tight_layout()
page.plot(figure)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Ask the gates

# COMMAND ----------

promotion = store.promote(spec)
page.show(
    pd.DataFrame([{"gate": c.gate, "passed": c.passed, "said": c.said} for c in promotion.checks])
)
page.show(
    f"version {promotion.version} {'is champion' if promotion.promoted else 'stays challenger'}"
)

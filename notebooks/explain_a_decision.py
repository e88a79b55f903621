# Databricks notebook source
# MAGIC %md
# MAGIC # Explain one decision
# MAGIC
# MAGIC From a score to its reasons, and from the weightiest reason down to the events that make
# MAGIC the number. Run `compare_models` first, or point the widgets at a target that has a
# MAGIC model.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import functions as F
from stockade import FeatureView, connect
from stockade.building.features import Inputs, decisions
from stockade.lines import explanation_lines
from stockade.notebook import Page
from stockade.target import Target

page = Page(globals())
target = page.widget("target", "")
definitions = page.widget("definitions", "examples.card_fraud.cards,examples.card_fraud.model")
model = page.widget("model", "card_fraud")
day = date.fromisoformat(page.widget("day", "2018-08-12"))
decision = page.widget("decision", "")

store = connect(*definitions.split(","), target=Target.parse(target) if target else None)
spec = store.registry.model(model)
spine = spec.training_set.spine

# COMMAND ----------

# MAGIC %md
# MAGIC Without a champion the challenger scores, into a table of its own that nobody acts on.

# COMMAND ----------

shadow = store.champion(spec) is None
scored = store.score(spec, since=day, until=day + timedelta(days=1), explain=5, shadow=shadow)
(identity,) = spine.id
predictions = store.tables.read(scored.table).where(F.col("decided_on") == F.lit(day))
if decision:
    predictions = predictions.where(F.col(identity).cast("string") == decision)
explained = predictions.where(F.size("reasons") > 0).orderBy(F.desc("probability"))
chosen = explained.first()
if chosen is None:
    raise ValueError(f"no decision of {day} with reasons: name another day or decision")
page.show(
    explained.select(identity, spine.decided_at, "probability", "action", "model_version").limit(10)
)

# COMMAND ----------

reasons = pd.DataFrame([reason.asDict() for reason in chosen["reasons"]])
page.show(reasons[["contribution", "text"]])

# COMMAND ----------

figure = Figure(figsize=(7, 2.6))
axes = figure.subplots()
shown = reasons[::-1]
axes.barh(
    shown["input"],
    shown["contribution"],
    color=["tab:red" if c > 0 else "tab:green" for c in shown["contribution"]],
)
axes.axvline(0, color="black", linewidth=0.8)
axes.set(
    title=f"{identity} {chosen[identity]}: probability {chosen['probability']:.1%}",
    xlabel="log odds",
)
page.plot(figure)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Down to the events
# MAGIC
# MAGIC The weightiest reason that is a window of events is opened: which events count, and
# MAGIC which nearly did. The value is computed again by engine and reference before it is
# MAGIC shown.

# COMMAND ----------

views = {
    feature.name: view for view in store.registry.all(FeatureView) for feature in view.features()
}
service = spec.training_set.features
derived = {one.name: one.expression for one in service.derived()}
for name in reasons["input"]:
    if name in derived:
        page.show(f"{name} = {derived[name]}")
named = [name for name in reasons["input"] if name in views]
named += [name for one in reasons["input"] for name in views if name in derived.get(one, "")]

# COMMAND ----------

if named:
    begin = datetime.combine(day, time(), UTC)
    asked = (
        decisions(Inputs.of(store.tables), spine, start=begin, end=begin + timedelta(days=1))
        .where(F.col(identity) == chosen[identity])
        .first()
    )
    view = views[named[0]]
    found = store.explain(
        f"{view.name}.{named[0]}",
        keys={key: asked[key] for key in view.entity.keys},
        at=chosen[spine.decided_at],
    )
    for line in explanation_lines(found):
        page.show(line)

# Databricks notebook source
# MAGIC %md
# MAGIC # Explain one decision
# MAGIC
# MAGIC From a score to its reasons, and from each reason down to the events that make the
# MAGIC number. Run `compare_models` first, or point the widgets at a target that has a champion.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

from datetime import date, timedelta

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import functions as F
from stockade import connect
from stockade.notebook import Page
from stockade.target import Target

pd.options.display.max_colwidth = None
page = Page(globals())
target = page.widget("target", "")
definitions = page.widget("definitions", "examples.card_fraud.cards,examples.card_fraud.model")
model = page.widget("model", "card_fraud")
day = date.fromisoformat(page.widget("day", "2018-08-12"))
decision = page.widget("decision", "")

store = connect(*definitions.split(","), target=Target.parse(target) if target else None)
spec = store.registry.model(model)
spine = spec.training_set.spine
(identity,) = spine.id

# COMMAND ----------

# MAGIC %md
# MAGIC ## The day's queue
# MAGIC
# MAGIC Scoring a day again replaces its predictions: with the same, by the same champion.

# COMMAND ----------

scored = store.score(spec, since=day, until=day + timedelta(days=1))
predictions = store.tables.read(scored.table).where(F.col("decided_on") == F.lit(day))
queue = predictions.orderBy(F.desc("probability"), identity).select(
    identity, spine.decided_at, "probability", "action", "model_version"
)
page.show(queue.limit(10))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Its first, or the one in the widget
# MAGIC
# MAGIC The champion scores it again, from the events as they were known at that moment.

# COMMAND ----------

found = store.explain_decision(
    str(decision or queue.first()[identity]), model=spec, day=day, reasons=4
)
page.show(
    f"{identity} {found.id[identity]}, {found.decided_at:%Y-%m-%d %H:%M:%S} UTC: "
    f"probability {found.probability:.1%}, {found.action}, "
    f"by '{found.model}' version {found.version}"
)
page.show(
    pd.DataFrame(
        [
            {"reason": one.text, "log odds": one.contribution, "computed as": one.expression}
            for one in found.reasons
        ]
    )
)

# COMMAND ----------

figure = Figure(figsize=(7, 0.8 + 0.4 * len(found.reasons)))
axes = figure.subplots()
shown = found.reasons[::-1]
axes.barh([one.input for one in shown], [one.contribution for one in shown], color="#c9762b")
axes.set(title="what raises the score most", xlabel="log odds")
axes.spines[["top", "right"]].set_visible(False)
page.plot(figure)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Down to the events
# MAGIC
# MAGIC Behind each reason stand values, and behind each value the events that make it up. Engine
# MAGIC and reference have both computed the value again before it is shown. The last rows did
# MAGIC not count; the last column says why.

# COMMAND ----------


def short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def events_of(value) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "happened": one.event_at,
                "known": one.known_at,
                **one.columns,
                "adds": "" if one.part is None else short(one.part),
                "why not": "; ".join(one.reasons),
            }
            for one in (*value.events[:8], *value.misses[:3])
        ]
    )


for value in {one.feature: one for reason in found.reasons for one in reason.values}.values():
    page.show(f"{value.feature} = {short(value.value)}: {len(value.events)} events make it up")
    page.show(events_of(value))

# Databricks notebook source
# MAGIC %md
# MAGIC # The month's end
# MAGIC
# MAGIC What the model was worth on the month that is over, by what is known today. Decisions
# MAGIC whose label is not mature yet are counted, never guessed. Run `compare_models` first, or
# MAGIC point the widgets at a target that has predictions.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

from datetime import UTC, date, datetime, time

import pandas as pd
from matplotlib.figure import Figure
from pyspark.sql import functions as F
from stockade import connect
from stockade.champion import predictions_table
from stockade.notebook import Page
from stockade.target import Target

page = Page(globals())
target = page.widget("target", "")
definitions = page.widget("definitions", "examples.card_fraud.cards,examples.card_fraud.model")
model = page.widget("model", "card_fraud")
since = date.fromisoformat(page.widget("since", "2018-08-12"))
until = date.fromisoformat(page.widget("until", "2018-08-19"))
as_of = date.fromisoformat(page.widget("as_of", "2018-08-26"))

store = connect(*definitions.split(","), target=Target.parse(target) if target else None)
spec = store.registry.model(model)
table = predictions_table(spec.name)

# COMMAND ----------

# MAGIC %md
# MAGIC Days that the nightly job has scored are there; a day that is missing is scored now, by
# MAGIC today's champion.

# COMMAND ----------

days = pd.date_range(since, until, inclusive="left").date
there = set()
if store.tables.exists(table):
    found = store.tables.read(table).where(F.col("decided_on").between(since, until))
    there = {row["decided_on"] for row in found.select("decided_on").distinct().collect()}
missing = [day for day in days if day not in there]
if missing:
    store.score(spec, since=min(missing), until=until)
predictions = store.tables.read(table).where(
    (F.col("decided_on") >= F.lit(since)) & (F.col("decided_on") < F.lit(until))
)

# COMMAND ----------

midnight = datetime.combine(as_of, time(), UTC)
found = store.evaluate(spec, since=since, until=until, as_of=midnight)
page.show(
    pd.Series(
        {
            "decisions": predictions.count(),
            "with a mature label": found.rows,
            "of them positive": found.positives,
            f"precision of {found.capacity} reviews a day": round(found.precision_at_capacity, 3),
            "share of the positives that they find": round(found.recall_at_capacity, 3),
            "average precision": round(found.average_precision, 3),
            "calibration error": round(found.calibration_error, 4),
        },
        dtype="object",
        name=f"{model}, {since} to {until}, known by {as_of}",
    ).to_frame()
)

# COMMAND ----------

by_day = (
    predictions.groupBy("decided_on")
    .agg(
        F.count("*").alias("decisions"),
        F.sum("probability").alias("expected positives"),
        F.avg((F.col("action") != "approve").cast("double")).alias("share acted on"),
        F.max("model_version").alias("version"),
    )
    .orderBy("decided_on")
)
page.show(by_day)

# COMMAND ----------

lines = by_day.toArrow().to_pandas()
figure = Figure(figsize=(9, 3))
volume, acted = figure.subplots(1, 2)
volume.bar(lines["decided_on"], lines["decisions"])
volume.set(title="decisions a day")
acted.plot(lines["decided_on"], lines["share acted on"], marker=".", color="tab:red")
acted.set(title="share that something is done about", ylim=(0, None))
for axes in (volume, acted):
    axes.set_xticks(
        lines["decided_on"], [f"{day:%b %d}" for day in lines["decided_on"]], rotation=30
    )
page.plot(figure)

# COMMAND ----------

page.show(
    predictions.groupBy("action").agg(
        F.count("*").alias("decisions"), F.avg("probability").alias("mean probability")
    )
)

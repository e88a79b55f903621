# Databricks notebook source
# MAGIC %md
# MAGIC # Explore a source and its lateness
# MAGIC
# MAGIC An event counts from the moment when it *could have been known*. How long after it
# MAGIC happened is that? If the answer is wrong, every model that learns from this source has
# MAGIC seen a little of the future. Here you see how late rows come, how many come twice, and
# MAGIC what a contract would say of them.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure
from pyspark.sql import functions as F
from stockade import Files, connect
from stockade.lines import contract_lines
from stockade.notebook import Page
from stockade.target import Target

page = Page(globals())
target = page.widget("target", "")
name = page.widget("source", "logins")

store = connect("trust_safety.features", target=Target.parse(target) if target else None)
(source,) = store.registry.sources(name)
table = source.origin.name
page.show(f"'{source.name}' reads '{table}': {source.description} Owner: {source.owner}")

# COMMAND ----------

# MAGIC %md
# MAGIC On a laptop without data, a small exchange is simulated, and this one table of it is
# MAGIC loaded.

# COMMAND ----------

if store.target.folder is not None and not store.tables.exists(table):
    from trust_safety.simulator.generate import write
    from trust_safety.simulator.world import world

    folder = Path(tempfile.mkdtemp())
    list(write(world(0.01, days=60), folder))
    store.ingest(Files(path=str(folder / table)), table)

events = store.tables.read(table)
page.show(events.limit(10))

# COMMAND ----------

# MAGIC %md
# MAGIC ## How late?
# MAGIC
# MAGIC Seconds from `event_time` to `available_at`, by share of the rows. A window that ends
# MAGIC now misses what is still on its way; a `delay=` of about the 99 % point makes training
# MAGIC and service see the same.

# COMMAND ----------

happened = F.col(source.event_time)
known = (
    F.col(source.available_at) if source.available_at else happened + F.expr("INTERVAL 0 SECONDS")
)
late = events.select(
    (F.unix_micros(known) - F.unix_micros(happened)).alias("micros"), F.to_date(known).alias("day")
).withColumn("seconds", F.col("micros") / 1e6)
shares = [0.5, 0.9, 0.99, 0.999, 1.0]
points = late.agg(F.percentile("seconds", F.array(*map(F.lit, shares))).alias("p")).first()
quantiles = dict(zip(shares, points["p"], strict=True))
page.show(
    pd.DataFrame(
        [
            {"share of rows": f"{share:.1%}", "known within": f"{s:,.1f} s"}
            for share, s in quantiles.items()
        ]
    )
)

# COMMAND ----------

by_day = (
    late.groupBy("day")
    .agg(F.count("*").alias("rows"), F.percentile("seconds", F.lit(0.99)).alias("p99"))
    .orderBy("day")
    .toArrow()
    .to_pandas()
)
figure = Figure(figsize=(9, 3.2))
rows, slow = figure.subplots(1, 2)
rows.plot(by_day["day"], by_day["rows"])
rows.set(title=f"rows of '{source.name}' by the day they were known")
slow.plot(by_day["day"], by_day["p99"], color="tab:orange")
slow.set(title="seconds until 99 % are known", yscale="log")
for axes in (rows, slow):
    axes.xaxis.set_major_formatter(DateFormatter("%b %d"))
page.plot(figure)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Twice, missing, too early
# MAGIC
# MAGIC Copies are dropped by `dedupe`; what is known before it happened is a clock that lies.

# COMMAND ----------

counts = {"rows": events.count(), "known before they happened": late.where("micros < 0").count()}
if source.dedupe:
    counts["copies"] = counts["rows"] - events.select(*source.dedupe).distinct().count()
counts |= {
    f"null {column}": events.where(F.col(column).isNull()).count()
    for column in (source.event_time, source.available_at)
    if column
}
page.show(pd.Series(counts, name="rows").to_frame())

# COMMAND ----------

for line in contract_lines(store.contracts(name)):
    page.show(line)

# Databricks notebook source
# MAGIC %md
# MAGIC # Where is the loss, what moved, and what if?
# MAGIC
# MAGIC Three questions between two reports: which conditions concentrate the loss, which features
# MAGIC moved over time, and what another threshold or capacity would have brought. Run
# MAGIC `compare_models` and `month_end_report` first, or point the widgets at a target that has a
# MAGIC training set and predictions.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

from datetime import UTC, date, datetime, time

import pandas as pd
from pyspark.sql import functions as F
from stockade import connect
from stockade.analysis import segments, trends, what_if
from stockade.notebook import Page
from stockade.target import Target

pd.options.display.max_colwidth = None
page = Page(globals())
target = page.widget("target", "")
definitions = page.widget("definitions", "examples.card_fraud.cards,examples.card_fraud.model")
model = page.widget("model", "card_fraud")
since = date.fromisoformat(page.widget("since", "2018-08-12"))
until = date.fromisoformat(page.widget("until", "2018-08-19"))
as_of = date.fromisoformat(page.widget("as_of", "2018-08-26"))

store = connect(*definitions.split(","), target=Target.parse(target) if target else None)
spec = store.registry.model(model)
spine, label, policy = spec.training_set.spine, spec.training_set.label, spec.policy
inputs = list(spec.training_set.features.inputs())
learnt = store.tables.read(spec.training_set.name)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where is the loss?
# MAGIC
# MAGIC The first half of the training set is searched. Lifts of rows that were searched are
# MAGIC flattered: the second half says what they are worth.

# COMMAND ----------

amount = F.col(policy.loss).cast("double") * F.col(label.name).cast("double")
rows = (
    learnt.where(F.col(label.name).isNotNull())
    .select(spine.decided_at, amount.alias("lost"), *inputs)
    .orderBy(spine.decided_at)
    .toArrow()
    .to_pandas()
)
half = len(rows) // 2
found = segments(rows[:half], loss="lost", columns=inputs)
page.show(
    f"{found.searched:,} conjunctions were counted; {found.rest_share:.0%} of the loss is in none "
    "of these segments"
)
page.show(found.table())
page.show(found.on(rows[half:]))
page.plot(found.figure())

# COMMAND ----------

# MAGIC %md
# MAGIC ## What moved?
# MAGIC
# MAGIC Daily means of the model's inputs over its training set: steps, bends and odd days, beside
# MAGIC the week's rhythm.

# COMMAND ----------

numbers = [name for name, kind in learnt.select(*inputs).dtypes if kind in ("double", "bigint")]
daily = (
    learnt.groupBy(F.to_date(spine.decided_at).alias("day"))
    .agg(*(F.mean(name).alias(name) for name in numbers))
    .toArrow()
    .to_pandas()
)
moved = trends(daily, on="day")
page.show(moved.table().head(12))
if moved.skipped:
    page.show(pd.Series(moved.skipped, name="not looked at", dtype="object").to_frame())
page.plot(moved.figure(most=4))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What if?
# MAGIC
# MAGIC A quarter to twice the review capacity, and some thresholds, for the decisions that were
# MAGIC scored. Intervals are wide where days are few.

# COMMAND ----------

midnight = datetime.combine(as_of, time(), UTC)
decided = store.outcomes(spec, since=since, until=until, as_of=midnight)
size = spec.review_capacity
page.show(what_if(decided, policy, capacities=[size // 4, size // 2, size, 2 * size]).table)

# COMMAND ----------

by_threshold = what_if(decided, policy, thresholds=[0.02, 0.05, 0.1, 0.2, 0.5])
page.show(by_threshold.table)
page.plot(by_threshold.figure())

# Databricks notebook source
# MAGIC %md
# MAGIC # Add a feature, and test it on a table of four rows
# MAGIC
# MAGIC A definition is tried on rows that fit a screen before it meets a year of data: ties,
# MAGIC late rows and empty windows show there, and the same rows become its test.

# COMMAND ----------

# MAGIC %pip install -q -e ..

# COMMAND ----------

from datetime import UTC, datetime

from stockade import Entity, EventSource, FeatureView, connect, count, count_distinct, days, hours
from stockade.definitions.view import Selection
from stockade.engine.bind import History
from stockade.engine.operator import attach
from stockade.notebook import Page
from stockade.target import Target

page = Page(globals())
target = page.widget("target", "")
store = connect(target=Target.parse(target) if target else None)

# COMMAND ----------

account = Entity(name="account", keys="account_id")
logins = EventSource(
    name="logins",
    origin="logins",
    event_time="attempted_at",
    available_at="ingested_at",
)
account_logins = FeatureView(
    name="account_logins",
    entity=account,
    source=logins,
    aggregates={
        "failed_logins": count(where="outcome = 'failure'", windows=(hours(1), days(1))),
        "login_countries": count_distinct("ip_country", windows=(days(1),)),
    },
    description="Sign-in attempts per account, failed or not.",
)

# COMMAND ----------

# MAGIC %md
# MAGIC Noon is the decision. One failure is a minute old but comes late, one happens at noon
# MAGIC itself, one counts.

# COMMAND ----------


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


events = store.spark.createDataFrame(
    [
        ("ann", at(11, 40), at(11, 40, 5), "failure", "NO"),
        ("ann", at(11, 59), at(12, 0, 30), "failure", "BR"),  # known too late
        ("ann", at(12, 0), at(12, 0), "failure", "BR"),  # at the decision itself
        ("ann", at(10, 0), at(10, 0, 5), "success", "NO"),
    ],
    "account_id string, attempted_at timestamp, ingested_at timestamp, outcome string, "
    "ip_country string",
)
spine = store.spark.createDataFrame(
    [("ann", at(12, 0)), ("bob", at(12, 0))], "account_id string, decided_at timestamp"
)
names = tuple(feature.name for feature in account_logins.features())
history = History(Selection(view=account_logins, names=names), events)
found = attach(spine, [history], decided_at="decided_at").rows
page.show(found)

# COMMAND ----------

# MAGIC %md
# MAGIC These lines are the test, nearly as they stand: see `tests/features/` and
# MAGIC `stockade.testing`.

# COMMAND ----------

rows = {row.account_id: row for row in found.collect()}
assert rows["ann"].failed_logins_1h == 1, (
    "what came late, and what is of the same instant, does not count"
)
assert rows["ann"].login_countries_1d == 1
assert rows["bob"].failed_logins_1h == 0, "an empty window counts nothing"
page.show("the feature keeps the rule")

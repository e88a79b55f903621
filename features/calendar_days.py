"""Where in the week and the month a decision lies; weekdays and hours are UTC's."""

from stockade import Derived
from trust_safety.features.sources import IDENTITY

hour_of_day = Derived(
    name="hour_of_day",
    expression="hour(decided_at)",
    owner=IDENTITY,
    description="Hour of the day, UTC",
)
is_weekend = Derived(
    name="is_weekend",
    expression="CAST(weekday(decided_at) >= 5 AS INT)",
    owner=IDENTITY,
    description="Saturday or Sunday, UTC: no bank works",
)
days_since_payday = Derived(
    name="days_since_payday",
    # Paydays are the 15th and the last day of a month.
    expression="CASE WHEN decided_at >= date_trunc('month', decided_at) + INTERVAL 14 DAYS "
    "THEN day(decided_at) - 15 ELSE day(decided_at) END",
    owner=IDENTITY,
    description="Days since the 15th or the last day of a month: balances run low before paydays",
)

calendar = (hour_of_day, is_weekend, days_since_payday)

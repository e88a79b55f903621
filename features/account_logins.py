"""How an account signs in: the earliest trace an account takeover leaves."""

from stockade import FeatureView, count, count_distinct, days, hours
from trust_safety.features.entities import account
from trust_safety.features.sources import login_events

# One hour sees a credential-stuffing burst; thirty days is the account's own habit.
BURST, DAY, HABIT = hours(1), days(1), days(30)

account_logins = FeatureView(
    name="account_logins",
    entity=account,
    source=login_events,
    aggregates={
        "logins": count(windows=(DAY, HABIT)),
        "failed_logins": count(where="outcome = 'failure'", windows=(BURST, DAY)),
        "login_countries": count_distinct("ip_country", windows=(DAY, HABIT)),
    },
    owner="account-integrity@example.com",
    description="Sign-in attempts per account, failed or not; excludes API-token use.",
)

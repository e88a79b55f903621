"""How an account signs in: the earliest trace an account takeover leaves."""

from stockade import FeatureView, count, count_distinct, last, seconds_since_last
from trust_safety.features.entities import user
from trust_safety.features.sources import IDENTITY, logins
from trust_safety.features.windows import DAY, EVER, HOUR, MONTH, QUARTER

SUCCESS = "outcome = 'success'"

# One hour sees a credential-stuffing burst; thirty days is the account's own habit.
account_logins = FeatureView(
    name="account_logins",
    entity=user,
    source=logins,
    aggregates={
        "logins": count(where=SUCCESS, windows=(DAY, MONTH, QUARTER)),
        "failed_logins": count(where="outcome <> 'success'", windows=(HOUR, DAY)),
        "failed_challenges": count(where="outcome = 'challenge_failed'", windows=(DAY,)),
        "login_countries": count_distinct("ip_country", where=SUCCESS, windows=(DAY, MONTH)),
        "login_devices": count_distinct("device_id", where=SUCCESS, windows=(DAY, MONTH)),
        "login_networks": count_distinct("asn", where=SUCCESS, windows=(DAY, MONTH)),
        "hosted_logins": count(where="asn_kind IN ('hosting', 'vpn')", windows=(DAY, MONTH)),
        "seconds_since_login": seconds_since_last(where=SUCCESS, windows=EVER),
        "last_latitude": last("latitude", where=SUCCESS, windows=(MONTH,)),
        "last_longitude": last("longitude", where=SUCCESS, windows=(MONTH,)),
    },
    owner=IDENTITY,
    description="Sign-in attempts of an account: how many, from where, how many failed.",
    sensitivity="personal",
)

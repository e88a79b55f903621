"""Who else uses this device and this network: farms, rings, and the campus behind one address."""

from stockade import FeatureView, count, count_distinct, seconds_since_first
from trust_safety.features.account_logins import SUCCESS
from trust_safety.features.entities import device, ip_prefix
from trust_safety.features.sources import IDENTITY, ip_listings, logins, users
from trust_safety.features.windows import DAY, EVER, HOUR, MONTH, WEEK

device_users = FeatureView(
    name="device_users",
    entity=device,
    source=logins,
    aggregates={
        "users_of_device": count_distinct("user_id", windows=(DAY, MONTH)),
        "failed_logins_of_device": count(where="outcome <> 'success'", windows=(DAY,)),
        "seconds_since_device_seen_first": seconds_since_first(windows=EVER),
    },
    owner=IDENTITY,
    description="Accounts that one device signs in to.",
)

network_users = FeatureView(
    name="network_users",
    entity=ip_prefix,
    source=logins,
    aggregates={
        "users_of_network": count_distinct("user_id", windows=(HOUR, DAY, WEEK)),
        "failed_logins_of_network": count(where="outcome <> 'success'", windows=(HOUR, DAY)),
        "users_let_in_of_network": count_distinct("user_id", where=SUCCESS, windows=(HOUR,)),
    },
    owner=IDENTITY,
    description="Accounts tried from one network; many in an hour, most in vain, is stuffing.",
)

network_listings = FeatureView(
    name="network_listings",
    entity=ip_prefix,
    source=ip_listings,
    aggregates={"listings_of_network": count(windows=(MONTH,))},
    owner=IDENTITY,
    description="How often the network was lately put on a list of attacking addresses.",
)

signup_devices = FeatureView(
    name="signup_devices",
    entity=device,
    source=users,
    keys={"device_id": "signup_device_id"},
    aggregates={"signups_of_device": count(windows=(DAY, WEEK, MONTH))},
    owner=IDENTITY,
    description="Accounts opened on one device; a farm opens many in a week.",
)

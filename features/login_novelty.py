"""Whether this device, network, country or browser is new for this user, and how far away."""

from stockade import Derived, FeatureView, count, quantile, seconds_since_first
from trust_safety.features.account_logins import SUCCESS
from trust_safety.features.derived import days_since, ratio
from trust_safety.features.entities import (
    user,
    user_agent,
    user_country,
    user_device,
    user_network,
)
from trust_safety.features.sources import IDENTITY, logins
from trust_safety.features.windows import EVER, QUARTER

device_novelty = FeatureView(
    name="device_novelty",
    entity=user_device,
    source=logins,
    aggregates={
        "seconds_with_device": seconds_since_first(where=SUCCESS, windows=EVER),
        "device_logins": count(where=SUCCESS, windows=(QUARTER,)),
    },
    owner=IDENTITY,
    description="Since when this user is seen on this device; null for a device never used.",
    sensitivity="personal",
)

network_novelty = FeatureView(
    name="network_novelty",
    entity=user_network,
    source=logins,
    aggregates={
        "seconds_with_network": seconds_since_first(where=SUCCESS, windows=EVER),
        "network_logins": count(where=SUCCESS, windows=(QUARTER,)),
    },
    owner=IDENTITY,
    description="Since when this user is seen in this network.",
    sensitivity="personal",
)

country_novelty = FeatureView(
    name="country_novelty",
    entity=user_country,
    source=logins,
    aggregates={
        "seconds_with_country": seconds_since_first(where=SUCCESS, windows=EVER),
        "country_logins": count(where=SUCCESS, windows=(QUARTER,)),
    },
    owner=IDENTITY,
    description="Since when this user is seen in this country.",
    sensitivity="personal",
)

agent_novelty = FeatureView(
    name="agent_novelty",
    entity=user_agent,
    source=logins,
    aggregates={"seconds_with_agent": seconds_since_first(where=SUCCESS, windows=EVER)},
    owner=IDENTITY,
    description="Since when this user is seen with this browser or app.",
)

round_trip_times = FeatureView(
    name="round_trip_times",
    entity=user,
    source=logins,
    aggregates={"median_rtt_ms": quantile("rtt_ms", q=0.5, where=SUCCESS, windows=(QUARTER,))},
    owner=IDENTITY,
    description="The user's usual round-trip time, which a far-away relay lengthens.",
)

days_with_device = days_since(
    "days_with_device", "seconds_with_device_lifetime",
    "Days since this device was first used by this user", owner=IDENTITY,
)  # fmt: skip

# Freeman et al. 2016 weigh how usual a network and a country are for the user; with few log-ins
# each, shares of the user's own 90 days do.
login_ratios = (
    ratio("network_share_90d", "network_logins_90d", "logins_90d",
          "Share of the user's log-ins that came from this network", owner=IDENTITY),
    ratio("country_share_90d", "country_logins_90d", "logins_90d",
          "Share of the user's log-ins that came from this country", owner=IDENTITY),
    ratio("device_share_90d", "device_logins_90d", "logins_90d",
          "Share of the user's log-ins that came from this device", owner=IDENTITY),
    Derived(
        name="rtt_above_median_ms",
        expression="rtt_ms - median_rtt_ms_90d",
        owner=IDENTITY,
        description="Round-trip time above the user's own median",
    ),
    Derived(
        name="travel_km",
        # The haversine formula on a sphere of 6,371 km.
        expression="12742.0D * asin(least(1.0D, sqrt("
        "power(sin(radians(latitude - last_latitude_30d) / 2), 2) + cos(radians(latitude)) "
        "* cos(radians(last_latitude_30d)) "
        "* power(sin(radians(longitude - last_longitude_30d) / 2), 2))))",
        owner=IDENTITY,
        description="Distance from the log-in before",
        sensitivity="personal",
    ),
    Derived(
        name="travel_km_per_hour",
        expression="try_divide(travel_km, greatest(seconds_since_login_lifetime, 60.0D) / 3600.0D)",
        owner=IDENTITY,
        description="Speed from the log-in before; above 1,000 nobody travels",
        sensitivity="personal",
    ),
)  # fmt: skip

# What the ratios are made of says nothing more by itself, and places are nobody's business.
LOGIN_PARTS = ("last_latitude_30d", "last_longitude_30d")

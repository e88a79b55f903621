"""What decision moments have in common: the session they happen in, and the policy's own lots.

Tables are delivered at least once, so each part is grouped by what identifies it. What a decision
carries itself (its amount, its session's device) is known to it; history comes in as features.
"""

from stockade import EventSource, Query, Uniform

# The log-in that opened a session: the device and network that the session runs on.
SESSION = """(
  SELECT session_id, max(device_id) AS device_id, max(ip_prefix) AS ip_prefix, max(asn) AS asn,
    max(ip_country) AS ip_country, max(asn_kind) AS asn_kind, max(platform) AS platform,
    max(user_agent) AS user_agent, max(mfa) AS mfa, max(rtt_ms) AS rtt_ms,
    max(latitude) AS latitude, max(longitude) AS longitude
  FROM {obs_logins} WHERE session_id IS NOT NULL GROUP BY session_id)"""
SESSION_COLUMNS = (
    "s.device_id, s.ip_prefix, s.asn, s.ip_country, s.asn_kind, s.platform, s.user_agent, s.mfa, "
    "s.rtt_ms, s.latitude, s.longitude"
)

# What an account declared at sign-up, for cohorts and slices.
DECLARED = """(
  SELECT user_id, min(country) AS country, min(occupation) AS occupation,
    min(age_band) AS age_band, min(signed_up_at) AS signed_up_at
  FROM {obs_users} GROUP BY user_id)"""

# The chance with which the policy let a decision through that it would have blocked.
LOTS = """(
  SELECT event_id, max(IF(is_exploration, propensity, 1.0D)) AS passed_with
  FROM {obs_decisions} GROUP BY event_id)"""


def blocked(name: str, *, event: str, table: str) -> EventSource:
    """Decisions of the policy that cut the outcome off: what we blocked cannot be learnt from.

    Args:
        name: the source's.
        event: what the label's key is called.
        table: whose events.
    """
    return EventSource(
        name=name,
        origin=Query(
            sql=f"SELECT decision_id, event_id AS {event}, decided_at, ingested_at "  # noqa: S608
            f"FROM {{obs_decisions}} WHERE action = 'block' AND event_table = '{table}'"
        ),
        event_time="decided_at",
        available_at="ingested_at",
        dedupe="decision_id",
        description="What the policy blocked.",
        owner="trust-safety@example.com",
    )


# Few hundred positives: shallow trees, and many of them only where they learn slowly.
SEARCH = {
    "max_depth": Uniform(low=2, high=5, whole=True),
    "learning_rate": Uniform(low=0.03, high=0.2, log=True),
    "n_estimators": Uniform(low=60, high=240, whole=True),
    "min_child_weight": Uniform(low=1, high=20, log=True),
    "subsample": Uniform(low=0.6, high=1.0),
    "colsample_bytree": Uniform(low=0.3, high=0.9),
    "reg_lambda": Uniform(low=0.5, high=30, log=True),
}

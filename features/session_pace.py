"""How sessions go: pace, length, and somebody else's hand on the mouse."""

from stockade import FeatureView, count, max_, mean, quantile
from trust_safety.features.derived import ratio
from trust_safety.features.entities import user
from trust_safety.features.sources import IDENTITY, sessions
from trust_safety.features.windows import DAY, HOUR, MONTH, QUARTER, WEEK

session_pace = FeatureView(
    name="session_pace",
    entity=user,
    source=sessions,
    aggregates={
        "sessions": count(windows=(DAY, WEEK, MONTH)),
        "median_pace": quantile("clicks_per_minute", q=0.5, windows=(QUARTER,)),
        "mean_pace": mean("clicks_per_minute", windows=(DAY,)),
        "longest_session_seconds": max_("seconds", windows=(HOUR, DAY, WEEK)),
        "mean_session_seconds": mean("seconds", windows=(QUARTER,)),
        "remote_sessions": count(where="has_remote_access", windows=(DAY, WEEK, MONTH)),
    },
    owner=IDENTITY,
    description="Pace and length of ended sessions, and remote-control tools seen in them.",
)

pace_ratios = (
    ratio("pace_1d_per_median", "mean_pace_1d", "median_pace_90d",
          "Clicks a minute today against the user's own median", owner=IDENTITY),
    ratio("longest_session_per_mean", "longest_session_seconds_1d", "mean_session_seconds_90d",
          "The longest session of a day against the user's own mean", owner=IDENTITY),
)  # fmt: skip

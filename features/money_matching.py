"""How long money stays: each dollar out matched with the oldest dollar in that is left.

A mule's money leaves as it came; a customer's stays, or is traded. Amounts are matched first in,
first out, as of the decision.
"""

from stockade import (
    MatchView,
    dwell_seconds,
    matched_total,
    mean_dwell_seconds,
    oldest_unmatched_seconds,
    pass_through_share,
    unmatched_seconds,
    unmatched_total,
)
from trust_safety.features.entities import user
from trust_safety.features.equity import money_moves
from trust_safety.features.sources import CRIME
from trust_safety.features.windows import DAY, DAYS, HOUR, MONTH, WEEK

money_matching = MatchView(
    name="money_matching",
    entity=user,
    source=money_moves,
    amount="moved_usd",
    credit="is_credit",
    debit="NOT is_credit",
    measures={
        "dwell_seconds": dwell_seconds(windows=(DAY, WEEK, MONTH)),
        "shortest_dwell_seconds": dwell_seconds(q=0.1, windows=(MONTH,)),
        "mean_dwell_seconds": mean_dwell_seconds(windows=(MONTH,)),
        "left_within_hour": pass_through_share(within=HOUR, windows=(WEEK, MONTH)),
        "left_within_day": pass_through_share(within=DAY, windows=(WEEK, MONTH)),
        "left_within_3_days": pass_through_share(within=DAYS, windows=(MONTH,)),
        "matched_usd": matched_total(windows=(DAY, MONTH)),
        "resting_usd": unmatched_total(),
        "resting_seconds": unmatched_seconds(),
        "oldest_resting_seconds": oldest_unmatched_seconds(),
    },
    owner=CRIME,
    description="How long money rests in an account, and how much of it has rested.",
)

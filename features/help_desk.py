"""What users write: to the help desk, and on their payments.

The lexicons are words that victims and coaches use; a word is a hint, never a verdict.
"""

from stockade import EventSource, FeatureView, Query, count, max_, seconds_since_last
from trust_safety.features.entities import user
from trust_safety.features.sources import CRIME, tickets
from trust_safety.features.windows import DAY, EVER, MONTH, WEEK

INVESTMENT = "(?i)invest|profit|broker|mentor|trading group|guarantee|platform fee|tax to withdraw"
ROMANCE = "(?i)fianc|girlfriend|boyfriend|met online|love|marry"
URGENCY = "(?i)urgent|immediately|right now|asap|today or|deadline|last chance"
IMPOSTOR = "(?i)support agent|microsoft|police|irs|tax office|refund|anydesk|teamviewer|gift card"
LOCKED_OUT = "(?i)cannot log ?in|can't log ?in|locked out|did ?n.t (make|request)|not me|hacked"

ticket_topics = FeatureView(
    name="ticket_topics",
    entity=user,
    source=tickets,
    aggregates={
        "tickets": count(windows=(DAY, WEEK, MONTH)),
        "investment_tickets": count(where=f"text RLIKE '{INVESTMENT}'", windows=(MONTH,)),
        "romance_tickets": count(where=f"text RLIKE '{ROMANCE}'", windows=(MONTH,)),
        "urgent_tickets": count(where=f"text RLIKE '{URGENCY}'", windows=(WEEK, MONTH)),
        "impostor_tickets": count(where=f"text RLIKE '{IMPOSTOR}'", windows=(MONTH,)),
        "phone_tickets": count(where="channel = 'phone'", windows=(MONTH,)),
        "seconds_since_ticket": seconds_since_last(windows=EVER),
    },
    owner=CRIME,
    description="What the user wrote to the help desk about, by the words of each topic.",
    sensitivity="personal",
)

memos = EventSource(
    name="memos",
    origin=Query(
        sql="""
        SELECT transfer_id AS event_id, user_id, memo, length(memo) AS memo_length, requested_at,
          ingested_at FROM {obs_fiat_transfers} WHERE memo IS NOT NULL
        UNION ALL
        SELECT withdrawal_id, user_id, memo, length(memo), requested_at, ingested_at
        FROM {obs_crypto_withdrawals} WHERE memo IS NOT NULL
        """
    ),
    event_time="requested_at",
    available_at="ingested_at",
    dedupe="event_id",
    description="What users and payers write on payments.",
    owner=CRIME,
)

memo_topics = FeatureView(
    name="memo_topics",
    entity=user,
    source=memos,
    aggregates={
        "memos": count(windows=(MONTH,)),
        "investment_memos": count(where=f"memo RLIKE '{INVESTMENT}'", windows=(MONTH,)),
        "romance_memos": count(where=f"memo RLIKE '{ROMANCE}'", windows=(MONTH,)),
        "impostor_memos": count(where=f"memo RLIKE '{IMPOSTOR}'", windows=(MONTH,)),
        "longest_memo": max_("memo_length", windows=(MONTH,)),
    },
    owner=CRIME,
    description="What is written on the user's payments, by the words of each topic.",
    sensitivity="personal",
)

lockout_tickets = FeatureView(
    name="lockout_tickets",
    entity=user,
    source=tickets,
    aggregates={"lockout_tickets": count(where=f'text RLIKE "{LOCKED_OUT}"', windows=(DAY, WEEK))},
    owner=CRIME,
    description="The owner says that somebody else is in, or that they are locked out.",
)

"""Accounts that hang together by devices, networks, bank accounts, documents and addresses.

What more than two hundred accounts share, a carrier's network or an exchange's wallet, joins
nobody. Off-boarded others count from the day that it was known.
"""

from stockade import (
    EventSource,
    LinkView,
    Query,
    component_growth,
    component_labelled,
    component_labelled_share,
    component_size,
    labelled_neighbours,
    neighbours,
)
from trust_safety.features.entities import user
from trust_safety.features.sources import CRIME
from trust_safety.features.windows import MONTH, WEEK, YEAR

# One link a month for each pair is enough for every window below.
identity_links = EventSource(
    name="identity_links",
    origin=Query(
        sql="""
        SELECT user_id, kind, value, min(linked_at) AS linked_at, min(ingested_at) AS ingested_at
        FROM (
          SELECT user_id, 'device' AS kind, device_id AS value, attempted_at AS linked_at,
            ingested_at FROM {obs_logins} WHERE outcome = 'success'
          UNION ALL SELECT user_id, 'bank', bank_account_id, changed_at, ingested_at
          FROM {obs_bank_accounts}
          UNION ALL SELECT user_id, 'card', card_id, requested_at, ingested_at
          FROM {obs_fiat_transfers} WHERE card_id IS NOT NULL
          UNION ALL SELECT user_id, 'document', doc_hash, submitted_at, ingested_at
          FROM {obs_kyc_events}
          UNION ALL SELECT user_id, 'person', dob_hash, submitted_at, ingested_at
          FROM {obs_kyc_events}
          UNION ALL SELECT user_id, 'payee', address, requested_at, ingested_at
          FROM {obs_crypto_withdrawals})
        WHERE value IS NOT NULL
        GROUP BY user_id, kind, value, date_trunc('month', linked_at)
        """
    ),
    event_time="linked_at",
    available_at="ingested_at",
    description="Which account uses which device, bank account, card, document and address.",
    owner=CRIME,
)

off_boarded = EventSource(
    name="off_boarded",
    origin=Query(sql="SELECT * FROM {obs_enforcements} WHERE action = 'off_board'"),
    event_time="enforced_at",
    available_at="known_at",
    dedupe="enforcement_id",
    version="version",
    retracted="retracted",
    description="Accounts off-boarded for cause, unless an appeal was upheld.",
    owner=CRIME,
)

shared_identity = LinkView(
    name="shared_identity",
    entity=user,
    source=identity_links,
    attribute=("kind", "value"),
    hub=200,
    labels=off_boarded,
    measures={
        "ring_size": component_size(),
        "ring_growth": component_growth(windows=(WEEK, MONTH)),
        "ring_off_boarded": component_labelled(),
        # Twenty accounts at the rate of all stand before a ring's own few.
        "ring_off_boarded_share": component_labelled_share(prior=0.01, strength=20),
        "neighbours": neighbours(windows=(MONTH, YEAR)),
        "off_boarded_neighbours": labelled_neighbours(windows=(YEAR,)),
    },
    owner=CRIME,
    description="The accounts that this one hangs together with, and what became of them.",
    sensitivity="personal",
)

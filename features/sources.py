"""The events that features are made of, with the clocks that say what was known when.

Each is a table of what the exchange sees (`obs_...`), or a query over such tables. Tables are
delivered at least once, so copies of one event count once; what may be corrected or taken back
later has a version.
"""

from stockade import EventSource, Query

IDENTITY, PAYMENTS = "account-integrity@example.com", "payment-risk@example.com"
MARKETS, CHAIN = "market-integrity@example.com", "chain-risk@example.com"
CRIME = "financial-crime@example.com"

users = EventSource(
    name="users",
    origin="obs_users",
    event_time="signed_up_at",
    available_at="ingested_at",
    dedupe="user_id",
    description="Accounts as they were at sign-up.",
    owner=IDENTITY,
)

kyc_events = EventSource(
    name="kyc_events",
    origin="obs_kyc_events",
    event_time="submitted_at",
    available_at="ingested_at",
    dedupe="kyc_id",
    description="Submissions of identity documents and what the check said.",
    owner=IDENTITY,
)

enforcements = EventSource(
    name="enforcements",
    origin="obs_enforcements",
    event_time="enforced_at",
    available_at="known_at",
    dedupe="enforcement_id",
    version="version",
    retracted="retracted",
    description="Accounts limited or off-boarded for cause, unless an appeal was upheld.",
    owner=CRIME,
)

logins = EventSource(
    name="logins",
    origin="obs_logins",
    event_time="attempted_at",
    available_at="ingested_at",
    dedupe="event_id",
    description="Sign-in attempts, failed or not.",
    owner=IDENTITY,
)

sessions = EventSource(
    name="sessions",
    # Pace is known when the session ends, and a session without a length has none.
    origin=Query(
        sql="SELECT *, try_divide(clicks * 60.0D, seconds) AS clicks_per_minute FROM {obs_sessions}"
    ),
    event_time="ended_at",
    available_at="ingested_at",
    dedupe="session_id",
    description="Sessions, when they end.",
    owner=IDENTITY,
)

account_changes = EventSource(
    name="account_changes",
    origin="obs_account_changes",
    event_time="changed_at",
    available_at="ingested_at",
    dedupe="change_id",
    description="Changes of credentials and settings.",
    owner=IDENTITY,
)

ip_listings = EventSource(
    name="ip_listings",
    origin="obs_ip_listings",
    event_time="listed_at",
    available_at="ingested_at",
    dedupe=("ip_prefix", "listed_at"),
    description="Networks put on a list of attacking addresses.",
    owner=IDENTITY,
)

bank_links = EventSource(
    name="bank_links",
    origin="obs_bank_accounts",
    event_time="changed_at",
    available_at="ingested_at",
    dedupe="bank_event_id",
    description="Bank accounts linked to and unlinked from accounts.",
    owner=PAYMENTS,
)

bank_balances = EventSource(
    name="bank_balances",
    origin="obs_bank_balances",
    event_time="seen_at",
    available_at="ingested_at",
    dedupe="balance_id",
    description="Balances of linked bank accounts, when somebody looked.",
    owner=PAYMENTS,
)

fiat_transfers = EventSource(
    name="fiat_transfers",
    origin="obs_fiat_transfers",
    event_time="requested_at",
    available_at="ingested_at",
    dedupe="transfer_id",
    description="Requests to move dollars in or out.",
    owner=PAYMENTS,
)

fiat_settlements = EventSource(
    name="fiat_settlements",
    origin="obs_fiat_settlements",
    event_time="settled_at",
    available_at="ingested_at",
    dedupe="transfer_id",
    description="Transfers that settled at the bank; they may still come back.",
    owner=PAYMENTS,
)

fiat_returns = EventSource(
    name="fiat_returns",
    origin="obs_fiat_returns",
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Payments sent back, unless the dispute was won.",
    owner=PAYMENTS,
)

prices = EventSource(
    name="prices",
    origin="obs_prices",
    event_time="priced_at",
    available_at="ingested_at",
    dedupe=("market", "priced_at"),
    description="Quotes of each market.",
    owner=MARKETS,
)

orders = EventSource(
    name="orders",
    origin="obs_orders",
    event_time="placed_at",
    available_at="ingested_at",
    dedupe="order_id",
    description="Orders, when they are placed.",
    owner=MARKETS,
)

order_cancels = EventSource(
    name="order_cancels",
    origin=Query(
        sql="SELECT *, (unix_micros(cancelled_at) - unix_micros(placed_at)) / 1e6D AS life_seconds "
        "FROM {obs_order_cancels}"
    ),
    event_time="cancelled_at",
    available_at="ingested_at",
    dedupe="order_id",
    description="Orders withdrawn before they were filled.",
    owner=MARKETS,
)

trades = EventSource(
    name="trades",
    origin="obs_trades",
    event_time="executed_at",
    available_at="ingested_at",
    dedupe="trade_id",
    description="Executions, one row for both parties.",
    owner=MARKETS,
)

crypto_deposits = EventSource(
    name="crypto_deposits",
    origin="obs_crypto_deposits",
    event_time="credited_at",
    available_at="ingested_at",
    dedupe="deposit_id",
    description="Coins that arrived for an account.",
    owner=CHAIN,
)

crypto_withdrawals = EventSource(
    name="crypto_withdrawals",
    origin="obs_crypto_withdrawals",
    event_time="requested_at",
    available_at="ingested_at",
    dedupe="withdrawal_id",
    description="Requests to send coins out.",
    owner=CHAIN,
)

withdraw_addresses = EventSource(
    name="withdraw_addresses",
    origin="obs_withdraw_addresses",
    event_time="added_at",
    available_at="ingested_at",
    dedupe="entry_id",
    description="Addresses written into an account's address book.",
    owner=CHAIN,
)

chain_transfers = EventSource(
    name="chain_transfers",
    origin="obs_chain_transfers",
    event_time="confirmed_at",
    available_at="ingested_at",
    dedupe="tx_hash",
    description="Transfers on the chain.",
    owner=CHAIN,
)

address_labels = EventSource(
    name="address_labels",
    origin="obs_address_labels",
    # An allegation may reach back years; what counts here is when it was made.
    event_time="known_at",
    available_at="known_at",
    dedupe="label_id",
    version="version",
    retracted="retracted",
    description="What somebody alleges an address to be, unless it was taken back.",
    owner=CHAIN,
)

tickets = EventSource(
    name="tickets",
    origin="obs_tickets",
    event_time="opened_at",
    available_at="ingested_at",
    dedupe="ticket_id",
    description="Messages to the help desk.",
    owner=CRIME,
)

warnings = EventSource(
    name="warnings",
    origin="obs_warnings",
    event_time="shown_at",
    available_at="ingested_at",
    dedupe="warning_id",
    description="Scam warnings shown before a withdrawal, and what the user did.",
    owner=CRIME,
)

alerts = EventSource(
    name="alerts",
    origin="obs_alerts",
    event_time="raised_at",
    available_at="ingested_at",
    dedupe="alert_id",
    description="Alerts that rules raised about an account.",
    owner=CRIME,
)

cases = EventSource(
    name="cases",
    origin="obs_cases",
    event_time="opened_at",
    available_at="ingested_at",
    dedupe="case_id",
    description="Cases, when they are opened.",
    owner=CRIME,
)

case_outcomes = EventSource(
    name="case_outcomes",
    origin="obs_case_outcomes",
    event_time="closed_at",
    available_at="known_at",
    dedupe="case_id",
    version="version",
    retracted="retracted",
    description="How cases ended; a case that is opened again ends anew.",
    owner=CRIME,
)

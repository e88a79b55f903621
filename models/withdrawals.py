"""Withdrawals of coins before they are broadcast: the last moment at which anything helps.

Three models judge it: is it the owner (takeover), is the owner being deceived (scam), and what is
the destination (on-chain risk).
"""

from stockade import FeatureService, Query, Spine
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import account_age, account_age_days, account_profile
from trust_safety.features.calendar_days import hour_of_day
from trust_safety.features.chain_addresses import (
    address_allegations,
    chain_in,
    chain_out,
    chain_ratios,
)
from trust_safety.features.coin_flows import (
    LADDER,
    coin_deposits,
    coin_withdrawals,
    withdrawal_ratios,
)
from trust_safety.features.credential_changes import (
    SEQUENCES,
    address_book,
    credential_changes,
)
from trust_safety.features.destinations import (
    ENDS,
    address_book_entry,
    destination_novelty,
    destination_senders,
    dust,
    hours_in_address_book,
    is_lookalike,
    is_new_address,
    lookalikes,
    paid_back,
    scam_warnings,
)
from trust_safety.features.equity import drain, equity, flow_ratios, money_flow
from trust_safety.features.fiat_velocity import days_since_first_deposit, fiat_in
from trust_safety.features.help_desk import lockout_tickets, memo_topics, ticket_topics
from trust_safety.features.login_novelty import (
    country_novelty,
    days_with_device,
    device_novelty,
    network_novelty,
)
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.session_pace import pace_ratios, session_pace
from trust_safety.features.shared_devices import device_users, network_users
from trust_safety.features.sources import CHAIN
from trust_safety.models.moments import DECLARED, SESSION, SESSION_COLUMNS

withdrawal_requests = Spine(
    name="withdrawal_requests",
    origin=Query(
        sql=f"""
        SELECT w.*, {ENDS.format("w.address")} AS address_ends, {SESSION_COLUMNS}, u.age_band,
          u.country
        FROM (SELECT withdrawal_id, user_id, asset, address,
                CAST(max(amount_usd) AS DOUBLE) AS amount_usd,
                CAST(max(limit_usd) AS DOUBLE) AS limit_usd,
                min(requested_at) AS decided_at, max(session_id) AS session_id
              FROM {{obs_crypto_withdrawals}} GROUP BY ALL) w
        LEFT JOIN {SESSION} s ON s.session_id = w.session_id
        LEFT JOIN {DECLARED} u ON u.user_id = w.user_id
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="withdrawal_id",
    description="Each withdrawal of coins when it is asked for: broadcast it?",
)

withdrawal_features = FeatureService(
    name="withdrawal_features",
    spine_columns=("amount_usd", "limit_usd", "asset", "asn_kind", "mfa", "age_band", "country"),
    features=(
        account_profile.select("email_domain_age_days", "phone_type"),
        account_age,
        coin_withdrawals,
        coin_deposits,
        destination_novelty,
        address_book_entry,
        address_book,
        paid_back,
        destination_senders,
        lookalikes,
        dust,
        scam_warnings,
        address_allegations,
        chain_in,
        chain_out,
        money_flow,
        fiat_in,
        trading_orders,
        account_logins.select(
            "logins_1d", "logins_30d", "logins_90d", "failed_logins_1h", "failed_logins_1d",
            "login_countries_30d", "login_devices_30d", "hosted_logins_1d",
        ),
        device_novelty,
        network_novelty,
        country_novelty,
        device_users.select("users_of_device_30d"),
        network_users.select("users_of_network_1d"),
        credential_changes,
        session_pace,
        ticket_topics,
        memo_topics,
        lockout_tickets,
        account_age_days,
        days_with_device,
        hour_of_day,
        *withdrawal_ratios,
        is_new_address,
        is_lookalike,
        hours_in_address_book,
        *chain_ratios,
        equity,
        drain,
        *flow_ratios,
        days_since_first_deposit,
        *pace_ratios,
    ),
    hidden=("age_band", "country", LADDER, *SEQUENCES),
    owner=CHAIN,
    description="What is known of a withdrawal, its account, its session and its destination.",
)  # fmt: skip

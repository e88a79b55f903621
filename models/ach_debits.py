"""ACH debits before their instant credit: the moment, and what is known of it.

Two models judge it: what the payer's bank sends back within days, and what its customer disowns
within sixty (Nacha Operating Rules; the return codes are in `features/payment_returns.py`).
"""

from stockade import Derived, FeatureService, Query, Spine
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import account_age, account_age_days, account_profile
from trust_safety.features.bank_accounts import (
    bank_account_users,
    bank_balance,
    bank_link,
    bank_link_age,
    bank_links_of_user,
    bank_ratios,
)
from trust_safety.features.calendar_days import calendar
from trust_safety.features.coin_flows import coin_withdrawals
from trust_safety.features.credential_changes import credential_changes
from trust_safety.features.equity import equity, flow_ratios, money_flow
from trust_safety.features.executions import market_prices, price_change
from trust_safety.features.fiat_velocity import (
    amount_per_limit,
    amount_per_median,
    amount_per_p95,
    bank_account_velocity,
    days_since_first_deposit,
    fiat_in,
)
from trust_safety.features.login_novelty import days_with_device, device_novelty
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.payment_returns import (
    bank_account_returns,
    open_debits,
    return_ratios,
    routing_returns,
    settled_deposits,
    user_returns,
)
from trust_safety.features.shared_devices import device_users
from trust_safety.features.sources import PAYMENTS
from trust_safety.models.moments import LOTS, SESSION, SESSION_COLUMNS

ach_debits = Spine(
    name="ach_debits",
    origin=Query(
        sql=f"""
        SELECT t.transfer_id, t.user_id, t.bank_account_id, b.routing, t.amount_usd, t.limit_usd,
          t.decided_at, {SESSION_COLUMNS}, 'BTC-USD' AS market,
          coalesce(d.passed_with, 1.0D) AS passed_with
        FROM (SELECT transfer_id, user_id, bank_account_id,
                CAST(max(amount_usd) AS DOUBLE) AS amount_usd,
                CAST(max(limit_usd) AS DOUBLE) AS limit_usd,
                min(requested_at) AS decided_at, max(session_id) AS session_id
              FROM {{obs_fiat_transfers}} WHERE rail = 'ach_debit' GROUP BY ALL) t
        JOIN (SELECT bank_account_id, min(routing) AS routing FROM {{obs_bank_accounts}}
              GROUP BY bank_account_id) b ON b.bank_account_id = t.bank_account_id
        LEFT JOIN {SESSION} s ON s.session_id = t.session_id
        LEFT JOIN {LOTS} d ON d.event_id = t.transfer_id
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="transfer_id",
    description="Each ACH debit when it is asked for: credit it at once?",
)

marked_to_market = Derived(
    name="unsettled_loss_usd",
    expression="CAST(open_debit_usd_62d AS DOUBLE) * greatest(-price_change_3d, 0)",
    owner=PAYMENTS,
    description="What money that may be called back would have lost in three days of quotes",
)
exposure = Derived(
    name="unsettled_exposure_usd",
    expression="CAST(open_debit_usd_6d AS DOUBLE) + amount_usd - greatest(equity_usd, 0)",
    owner=PAYMENTS,
    description="Debits that may still bounce, this one included, less what the account holds",
)

ach_features = FeatureService(
    name="ach_features",
    spine_columns=("amount_usd", "limit_usd", "asn_kind"),
    features=(
        account_profile.select("email_domain_age_days", "phone_type", "age_band", "country"),
        account_age,
        bank_link,
        bank_link_age,
        bank_links_of_user,
        bank_account_users,
        bank_balance,
        bank_account_velocity,
        bank_account_returns,
        fiat_in,
        user_returns,
        routing_returns,
        open_debits,
        settled_deposits,
        money_flow,
        account_logins.select(
            "logins_1d", "logins_30d", "failed_logins_1d", "login_devices_30d",
            "login_networks_30d", "hosted_logins_30d",
        ),
        device_novelty,
        device_users.select("users_of_device_30d", "seconds_since_device_seen_first_lifetime"),
        credential_changes.select("changes_1d", "changes_7d", "changes_of_limit_raise_7d"),
        coin_withdrawals.select("withdrawals_7d", "withdrawn_usd_1d", "withdrawn_usd_7d"),
        trading_orders.select("all_orders_7d", "bought_usd_1d", "bought_usd_7d"),
        market_prices.select("mean_price_15m", "mean_price_3d"),
        account_age_days,
        days_with_device,
        *calendar,
        *bank_ratios,
        amount_per_p95,
        amount_per_median,
        amount_per_limit,
        days_since_first_deposit,
        *return_ratios,
        equity,
        *flow_ratios,
        price_change,
        marked_to_market,
        exposure,
    ),
    # People are judged by what they do: age and country are for slices only.
    hidden=("age_band", "country", "mean_price_15m", "mean_price_3d"),
    owner=PAYMENTS,
    description="What is known of an ACH debit, its account, its bank account and its session.",
)  # fmt: skip

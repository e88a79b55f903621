"""Will this card payment be charged back as fraud?"""

from stockade import (
    Action,
    EventSource,
    FeatureService,
    Label,
    ModelSpec,
    Policy,
    Query,
    Spine,
    TrainingSet,
    days,
)
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import account_age, account_age_days, account_profile
from trust_safety.features.calendar_days import calendar
from trust_safety.features.coin_flows import coin_withdrawals
from trust_safety.features.credential_changes import credential_changes
from trust_safety.features.equity import equity, flow_ratios, money_flow
from trust_safety.features.fiat_velocity import (
    amount_per_limit,
    amount_per_median,
    amount_per_p95,
    bin_burst,
    bin_velocity,
    card_velocity,
    days_since_first_deposit,
    fiat_in,
)
from trust_safety.features.login_novelty import days_with_device, device_novelty
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.payment_returns import (
    bin_chargeback_rate,
    bin_chargebacks,
    user_returns,
)
from trust_safety.features.shared_devices import device_users, network_users
from trust_safety.features.sources import PAYMENTS
from trust_safety.models.moments import LOTS, SEARCH, SESSION, SESSION_COLUMNS, blocked

card_payments = Spine(
    name="card_payments",
    origin=Query(
        sql=f"""
        SELECT t.*, {SESSION_COLUMNS}, coalesce(d.passed_with, 1.0D) AS passed_with
        FROM (SELECT transfer_id, user_id, card_id, card_bin,
                CAST(max(amount_usd) AS DOUBLE) AS amount_usd,
                CAST(max(limit_usd) AS DOUBLE) AS limit_usd,
                min(requested_at) AS decided_at, max(session_id) AS session_id
              FROM {{obs_fiat_transfers}} WHERE rail = 'card' AND direction = 'in'
              GROUP BY ALL) t
        LEFT JOIN {SESSION} s ON s.session_id = t.session_id
        LEFT JOIN {LOTS} d ON d.event_id = t.transfer_id
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="transfer_id",
    description="Each card payment when it is made: accept it?",
)

chargebacks = EventSource(
    name="chargebacks",
    origin=Query(
        sql="SELECT * FROM {obs_fiat_returns} "
        "WHERE return_class = 'chargeback' AND return_code = '10.4'"
    ),
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Chargebacks for fraud; a dispute that we win takes one back.",
    owner=PAYMENTS,
)

charged_back = Label(
    name="is_charged_back",
    source=chargebacks,
    keys={"transfer_id": "transfer_id"},
    # The schemes' limit is 120 days. Waiting for all of it would leave a year's data with one
    # period to judge by; at 75 days most are in, and the later ones count as honest.
    horizon=days(75),
    reporting_delay=days(2),
    blocks=blocked("blocked_cards", event="transfer_id", table="fiat_transfers"),
    description="Charged back as fraud within 75 days.",
)

card_features = FeatureService(
    name="card_payment_features",
    spine_columns=("amount_usd", "limit_usd", "asn_kind"),
    features=(
        account_profile.select("email_domain_age_days", "phone_type", "age_band", "country"),
        account_age,
        card_velocity,
        bin_velocity,
        bin_chargebacks,
        fiat_in,
        user_returns.select("chargebacks_90d", "chargebacks_365d", "returns_90d"),
        money_flow,
        account_logins.select(
            "logins_1d", "logins_30d", "failed_logins_1h", "failed_logins_1d", "hosted_logins_1d",
            "login_devices_30d", "login_countries_30d",
        ),
        device_novelty,
        device_users.select("users_of_device_1d", "users_of_device_30d",
                            "seconds_since_device_seen_first_lifetime"),
        network_users.select("users_of_network_1h", "users_of_network_1d"),
        credential_changes.select("changes_1d", "changes_7d"),
        coin_withdrawals.select("withdrawals_1d", "withdrawn_usd_1d", "withdrawn_usd_7d"),
        trading_orders.select("all_orders_7d", "bought_usd_1d"),
        account_age_days,
        days_with_device,
        *calendar,
        amount_per_p95,
        amount_per_median,
        amount_per_limit,
        days_since_first_deposit,
        bin_burst,
        bin_chargeback_rate,
        equity,
        *flow_ratios,
    ),
    hidden=("age_band", "country"),
    owner=PAYMENTS,
    description="What is known of a card payment, its card, its issuer and its account.",
)  # fmt: skip

card_chargeback_training = TrainingSet(
    name="card_chargeback_training",
    spine=card_payments,
    features=card_features,
    label=charged_back,
    description="Card payments with the chargebacks that followed.",
)

card_chargeback = ModelSpec(
    name="card_chargeback",
    training_set=card_chargeback_training,
    search=SEARCH,
    monotone={"bin_chargeback_rate": 1, "chargebacks_365d": 1},
    propensity="passed_with",
    recent="complete",
    review_capacity=5,
    review_entity="card_id",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="accept"),
            Action(name="challenge", prevented=0.8, friction=5.0),
            Action(name="decline", prevented=1.0, friction=30.0),
        ),
        pass_through=0.02,
    ),
    rules="IF(seconds_since_first_payment_of_card_lifetime IS NULL, 1, 0) "
    "+ IF(payments_of_bin_1h >= 2, 2, 0) + IF(deposit_cards_1d >= 1, 1, 0) "
    "+ IF(account_age_days < 7, 1, 0) + IF(amount_per_limit > 0.8, 1, 0)",
    slices=("age_band", "country", "account_age_days"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=PAYMENTS,
    description="Will this card payment be charged back as fraud?",
)

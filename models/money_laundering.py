"""Would a case about this customer's week be confirmed: structuring, layering, pass-through?"""

from stockade import (
    EventSource,
    FeatureService,
    Label,
    ModelSpec,
    Query,
    Spine,
    TrainingSet,
    days,
    hours,
)
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import account_age, account_age_days, account_profile
from trust_safety.features.bank_accounts import bank_links_of_user
from trust_safety.features.cohorts import income_score, peer_score, peers
from trust_safety.features.coin_flows import LADDER, coin_deposits, coin_withdrawals
from trust_safety.features.equity import equity, flow_ratios, money_flow
from trust_safety.features.fiat_velocity import fiat_in, fiat_out
from trust_safety.features.help_desk import memo_topics
from trust_safety.features.money_matching import money_matching
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.reviews import (
    alert_history,
    case_history,
    case_results,
    enforcement_history,
)
from trust_safety.features.shared_identity import shared_identity
from trust_safety.features.sources import CRIME
from trust_safety.features.structuring import structuring, structuring_ratios
from trust_safety.models.moments import DECLARED, SEARCH

# A week is judged on the Monday after it, an hour late, if more than pocket money moved.
customer_weeks = Spine(
    name="customer_weeks",
    origin=Query(
        sql=f"""
        SELECT concat_ws('|', w.user_id, date_format(w.week, 'yyyy-MM-dd')) AS week_id, w.user_id,
          w.week + INTERVAL 169 HOURS AS decided_at, w.moved_usd, u.country, u.occupation,
          u.age_band
        FROM (
          SELECT user_id, date_trunc('week', moved_at) AS week,
            CAST(sum(amount_usd) AS DOUBLE) AS moved_usd
          FROM (
            SELECT DISTINCT transfer_id, user_id, amount_usd, requested_at AS moved_at
            FROM {{obs_fiat_transfers}}
            UNION ALL SELECT DISTINCT withdrawal_id, user_id, amount_usd, requested_at
            FROM {{obs_crypto_withdrawals}}
            UNION ALL SELECT DISTINCT deposit_id, user_id, amount_usd, credited_at
            FROM {{obs_crypto_deposits}})
          GROUP BY ALL) w
        JOIN {DECLARED} u ON u.user_id = w.user_id
        WHERE w.moved_usd >= 1000
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="week_id",
    description="A customer's week in which money moved, when it is over: look into it?",
)

confirmed_laundering = EventSource(
    name="confirmed_laundering",
    origin=Query(
        sql="SELECT *, date_trunc('week', subject_at) + INTERVAL 169 HOURS AS week_ended_at "
        "FROM {obs_case_outcomes} WHERE queue = 'aml' AND outcome = 'confirmed'"
    ),
    event_time="week_ended_at",
    available_at="known_at",
    dedupe="case_id",
    version="version",
    retracted="retracted",
    description="Cases of money laundering that were confirmed, in the week they are about.",
    owner=CRIME,
)

is_laundering = Label(
    name="is_laundering",
    source=confirmed_laundering,
    keys={"user_id": "user_id"},
    horizon=hours(1),
    # From alert to report thirty days (31 CFR 1020.320), after the alert itself.
    reporting_delay=days(75),
    description="A case about this week was confirmed within 75 days.",
)

laundering_features = FeatureService(
    name="laundering_features",
    spine_columns=("moved_usd", "country", "occupation", "age_band"),
    features=(
        account_profile.select("declared_income_band", "phone_type"),
        account_age,
        money_flow,
        money_matching,
        shared_identity,
        structuring,
        fiat_in,
        fiat_out,
        coin_deposits,
        coin_withdrawals,
        bank_links_of_user,
        peers,
        trading_orders,
        memo_topics,
        account_logins.select("login_countries_30d", "login_devices_30d", "hosted_logins_30d"),
        alert_history,
        case_history,
        case_results,
        enforcement_history,
        account_age_days,
        equity,
        *flow_ratios,
        *structuring_ratios,
        peer_score,
        income_score,
    ),
    hidden=("country", "occupation", "age_band", LADDER),
    owner=CRIME,
    description="A week's flows against the customer's past, profile and peers.",
)

money_laundering_training = TrainingSet(
    name="money_laundering_training",
    spine=customer_weeks,
    features=laundering_features,
    label=is_laundering,
    description="Customers' weeks with the cases that were confirmed about them.",
)

money_laundering = ModelSpec(
    name="money_laundering",
    training_set=money_laundering_training,
    search=SEARCH,
    monotone={"structuring_evidence": 1},
    review_capacity=10,
    review_entity="user_id",
    rules="IF(structuring_evidence > 0, 2, 0) + IF(pass_through_3d > 0.9, 1, 0) "
    "+ IF(turnover_z > 2.5, 1, 0) + IF(turnover_per_income > 2, 1, 0) "
    "+ IF(coin_senders_7d >= 5 OR withdrawal_addresses_7d >= 5, 1, 0) + least(alerts_7d, 3)",
    slices=("country", "age_band", "occupation"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=CRIME,
    description="Would a case about this customer's week be confirmed?",
)

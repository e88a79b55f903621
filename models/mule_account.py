"""Will this young account be off-boarded for cause: mule, synthetic identity, fraud ring?"""

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
from trust_safety.features.account_profile import (
    account_age,
    account_age_days,
    account_profile,
    identity_checks,
    referrals_made,
    referrer_burst,
)
from trust_safety.features.bank_accounts import bank_links_of_user
from trust_safety.features.coin_flows import LADDER, coin_deposits, coin_withdrawals
from trust_safety.features.equity import equity, flow_ratios, money_flow
from trust_safety.features.fiat_velocity import days_since_first_deposit, fiat_in, fiat_out
from trust_safety.features.help_desk import memo_topics
from trust_safety.features.money_matching import money_matching
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.payment_returns import user_returns
from trust_safety.features.session_pace import session_pace
from trust_safety.features.shared_devices import device_users, signup_devices
from trust_safety.features.shared_identity import shared_identity
from trust_safety.features.sources import CRIME
from trust_safety.features.structuring import structuring, structuring_ratios
from trust_safety.models.moments import SEARCH

# The days of an account's life on which it is looked at; denser at first, when mules are made.
AGES = "array(1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60)"

young_accounts = Spine(
    name="young_accounts",
    origin=Query(
        sql=f"""
        SELECT a.user_id, a.age_days, a.decided_at, a.country, a.age_band,
          a.signup_device_id AS device_id, a.referred_by
        FROM (
          SELECT user_id, age_days, country, age_band, signup_device_id, referred_by,
            date_trunc('day', signed_up_at) + make_dt_interval(age_days + 1) AS decided_at
          FROM (SELECT user_id, min(signed_up_at) AS signed_up_at, min(country) AS country,
                  min(age_band) AS age_band, min(signup_device_id) AS signup_device_id,
                  min(referred_by) AS referred_by
                FROM {{obs_users}} GROUP BY user_id)
          LATERAL VIEW explode({AGES}) AS age_days) a
        LEFT ANTI JOIN {{obs_enforcements}} e
          ON e.user_id = a.user_id AND e.action = 'off_board' AND e.known_at <= a.decided_at
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id=("user_id", "age_days"),
    description="A young account on some days of its first two months: let it go on?",
)

off_boardings = EventSource(
    name="off_boardings",
    origin=Query(
        sql="SELECT * FROM {obs_enforcements} WHERE action = 'off_board' "
        "AND reason IN ('mule', 'synthetic', 'fraud_ring')"
    ),
    event_time="enforced_at",
    available_at="known_at",
    dedupe="enforcement_id",
    version="version",
    retracted="retracted",
    description="Accounts off-boarded as mules, as made-up persons or as part of a ring.",
    owner=CRIME,
)

is_off_boarded = Label(
    name="is_off_boarded",
    source=off_boardings,
    keys={"user_id": "user_id"},
    horizon=days(60),
    reporting_delay=days(5),
    description="Off-boarded for cause within sixty days, and no appeal was upheld.",
)

young_account_features = FeatureService(
    name="young_account_features",
    spine_columns=("age_days", "age_band", "country"),
    features=(
        account_profile.select(
            "email_domain_age_days", "phone_type", "occupation", "declared_income_band"
        ),
        account_age,
        identity_checks,
        referrals_made,
        referrer_burst,
        signup_devices,
        device_users,
        bank_links_of_user,
        fiat_in,
        fiat_out,
        user_returns.select("returns_30d"),
        coin_deposits,
        coin_withdrawals,
        money_flow,
        money_matching,
        shared_identity,
        structuring,
        trading_orders,
        account_logins,
        session_pace.select("sessions_7d", "median_pace_90d"),
        memo_topics,
        account_age_days,
        equity,
        *flow_ratios,
        *structuring_ratios,
        days_since_first_deposit,
    ),
    hidden=("age_band", "country", "occupation", "last_latitude_30d", "last_longitude_30d", LADDER),
    owner=CRIME,
    description="What a young account has done so far, and with whom it shares what.",
)  # fmt: skip

mule_account_training = TrainingSet(
    name="mule_account_training",
    spine=young_accounts,
    features=young_account_features,
    label=is_off_boarded,
    description="Young accounts with what became of them.",
)

mule_account = ModelSpec(
    name="mule_account",
    training_set=mule_account_training,
    search=SEARCH,
    monotone={"signups_of_device_30d": 1},
    review_capacity=5,
    review_entity="user_id",
    policy=Policy(
        loss="money_in_usd_30d",
        actions=(
            Action(name="let_be"),
            Action(name="review", cost=15.0, prevented=0.8, friction=10.0, capped=True),
        ),
        explored=0.1,
    ),
    rules="IF(pass_through_3d > 0.8 AND money_in_usd_3d > 500, 2, 0) "
    "+ IF(signups_of_device_30d > 2, 2, 0) + IF(phone_type = 'voip', 1, 0) "
    "+ IF(email_domain_age_days < 30, 1, 0) + IF(all_orders_7d = 0 AND withdrawals_7d > 0, 1, 0) "
    "+ IF(strangers_paid_in_7d > 1, 2, 0)",
    slices=("age_band", "country", "phone_type"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=CRIME,
    description="Will this young account be off-boarded for cause?",
)

"""Will the other side of this deposit or withdrawal be named as illicit?

Addresses that are already named are stopped by screening and are not in the spine. What remains
are those that look clean today: the later attribution is the label.
"""

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
from trust_safety.features.account_profile import account_age, account_age_days
from trust_safety.features.chain_addresses import (
    ILLICIT,
    address_allegations,
    address_customers,
    chain_in,
    chain_out,
    chain_ratios,
)
from trust_safety.features.chain_exposure import chain_exposure
from trust_safety.features.coin_flows import coin_deposits, coin_withdrawals
from trust_safety.features.destinations import destination_novelty, destination_senders, paid_back
from trust_safety.features.equity import flow_ratios, money_flow
from trust_safety.features.orders_placed import trading_orders
from trust_safety.features.sources import CHAIN
from trust_safety.models.moments import SEARCH

coin_moves = Spine(
    name="coin_moves",
    origin=Query(
        sql=f"""
        SELECT m.* FROM (
          SELECT deposit_id AS move_id, 'in' AS direction, user_id, asset, from_address AS address,
            CAST(max(amount_usd) AS DOUBLE) AS amount_usd, min(credited_at) AS decided_at
          FROM {{obs_crypto_deposits}} GROUP BY ALL
          UNION ALL
          SELECT withdrawal_id, 'out', user_id, asset, address,
            CAST(max(amount_usd) AS DOUBLE), min(requested_at)
          FROM {{obs_crypto_withdrawals}} GROUP BY ALL) m
        LEFT ANTI JOIN {{obs_address_labels}} l
          ON l.address = m.address AND l.known_at <= m.decided_at AND l.{ILLICIT}
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="move_id",
    description="Each deposit and withdrawal of coins whose other side nobody has named yet.",
)

attributions = EventSource(
    name="attributions",
    origin=Query(sql=f"SELECT * FROM {{obs_address_labels}} WHERE {ILLICIT}"),  # noqa: S608
    event_time="known_at",
    available_at="known_at",
    dedupe="label_id",
    version="version",
    retracted="retracted",
    description="Addresses named as illicit, at the moment that it was published.",
    owner=CHAIN,
)

is_named = Label(
    name="is_named",
    source=attributions,
    keys={"address": "address"},
    horizon=days(60),
    reporting_delay=days(0),
    description="The other side is named as illicit within sixty days, and stays so.",
)

coin_move_features = FeatureService(
    name="coin_move_features",
    spine_columns=("direction", "asset", "amount_usd"),
    features=(
        account_age,
        address_allegations,
        address_customers,
        chain_in,
        chain_out,
        chain_exposure,
        destination_novelty,
        destination_senders,
        paid_back,
        coin_deposits,
        coin_withdrawals.select(
            "withdrawals_1d", "withdrawals_7d", "withdrawn_usd_1d", "withdrawn_usd_7d",
            "withdrawal_addresses_7d",
        ),
        money_flow,
        trading_orders.select("all_orders_7d", "all_orders_30d"),
        account_age_days,
        *chain_ratios,
        *flow_ratios,
    ),
    hidden=("illicit_allegations_lifetime", "allegations_of_sanctioned_lifetime",
            "allegations_of_mixer_lifetime", "allegations_of_scam_lifetime",
            "highest_confidence_lifetime"),
    owner=CHAIN,
    description="How the other side behaves on the chain and towards our users.",
)  # fmt: skip

onchain_risk_training = TrainingSet(
    name="onchain_risk_training",
    spine=coin_moves,
    features=coin_move_features,
    label=is_named,
    description="Deposits and withdrawals with what was published of their other side later.",
)

onchain_risk = ModelSpec(
    name="onchain_risk",
    training_set=onchain_risk_training,
    search=SEARCH,
    negatives=0.5,
    review_capacity=10,
    review_entity="address",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="pass"),
            Action(name="review", cost=10.0, prevented=0.9, friction=3.0, capped=True),
        ),
        explored=0.05,
    ),
    rules="IF(address_age_days < 7, 1, 0) + IF(chain_pass_through_7d > 0.9, 1, 0) "
    "+ IF(customers_paid_by_address_30d + senders_to_address_30d > 2, 1, 0) "
    "+ IF(amount_usd > 3000, 1, 0) + IF(chain_payers_7d > 5, 1, 0)",
    slices=("direction", "asset"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=CHAIN,
    description="Will the other side of this transfer be named as illicit within sixty days?",
)

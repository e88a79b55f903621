"""Is this user's day in this market abuse: wash trades, spoofing, a pump?"""

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
from trust_safety.features.account_profile import account_age, account_age_days
from trust_safety.features.executions import (
    executions,
    market_activity,
    market_prices,
    opposite_fills,
    trade_ratios,
    user_trades,
)
from trust_safety.features.orders_placed import (
    order_ratios,
    orders_cancelled,
    orders_placed,
    trading_orders,
)
from trust_safety.features.reviews import alert_history
from trust_safety.features.sources import MARKETS
from trust_safety.models.moments import SEARCH

# A day is judged at the midnight after it, an hour late, when its last events have arrived.
trading_days = Spine(
    name="trading_days",
    origin=Query(
        sql="""
        SELECT concat_ws('|', user_id, market, date_format(day, 'yyyy-MM-dd')) AS day_id, user_id,
          market, tier, day + INTERVAL 25 HOURS AS decided_at, ordered_usd
        FROM (
          SELECT o.user_id, o.market, m.tier, date_trunc('day', o.placed_at) AS day,
            CAST(sum(o.amount_usd) AS DOUBLE) AS ordered_usd
          FROM {obs_orders} o
          JOIN (SELECT market, min(tier) AS tier FROM {obs_markets} GROUP BY market) m
            ON m.market = o.market
          GROUP BY ALL)
        WHERE ordered_usd >= 500
        """
    ),
    decided_at="decided_at",
    id="day_id",
    description="A user's day of orders in one market, when it is over: open a case?",
)

confirmed_abuse = EventSource(
    name="confirmed_abuse",
    origin=Query(
        sql="SELECT *, date_trunc('day', subject_at) + INTERVAL 25 HOURS AS day_ended_at "
        "FROM {obs_case_outcomes} WHERE queue = 'trading' AND outcome = 'confirmed'"
    ),
    event_time="day_ended_at",
    available_at="known_at",
    dedupe="case_id",
    version="version",
    retracted="retracted",
    description="Cases of market surveillance that were confirmed, on the day they are about.",
    owner=MARKETS,
)

is_abuse = Label(
    name="is_abuse",
    source=confirmed_abuse,
    keys={"user_id": "user_id", "market": "market"},
    horizon=hours(1),
    reporting_delay=days(75),
    description="Surveillance confirmed a case about this user, market and day within 75 days.",
)

trading_features = FeatureService(
    name="trading_features",
    spine_columns=("tier", "ordered_usd"),
    features=(
        account_age,
        orders_placed,
        orders_cancelled,
        executions,
        opposite_fills,
        market_activity,
        market_prices,
        user_trades,
        trading_orders.select("all_orders_7d", "all_orders_30d"),
        alert_history.select("alerts_90d"),
        account_age_days,
        *order_ratios,
        *trade_ratios,
    ),
    # A price is a market's name in disguise.
    hidden=(
        "highest_price_1h", "highest_price_1d", "lowest_price_1h", "lowest_price_1d",
        "mean_price_15m", "mean_price_1d", "mean_price_3d",
    ),
    owner=MARKETS,
    description="Orders, withdrawals of orders, executions and partners in one market.",
)  # fmt: skip

trading_abuse_training = TrainingSet(
    name="trading_abuse_training",
    spine=trading_days,
    features=trading_features,
    label=is_abuse,
    description="Days of trading with the cases that were confirmed about them.",
)

trading_abuse = ModelSpec(
    name="trading_abuse",
    training_set=trading_abuse_training,
    search=SEARCH,
    negatives=0.5,
    monotone={"linked_share_7d": 1},
    review_capacity=5,
    review_entity="user_id",
    rules="IF(linked_share_1d > 0.3, 3, 0) + IF(net_share_1d < 0.1 AND trades_1d >= 6, 2, 0) "
    "+ IF(cancels_after_opposite_fill_1d >= 2, 2, 0) + IF(cancel_share_1d > 0.8, 1, 0) "
    "+ IF(market_share_1d > 0.3 AND tier = 'thin', 1, 0)",
    slices=("tier", "account_age_days"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=MARKETS,
    description="Will surveillance confirm a case about this day of trading?",
)

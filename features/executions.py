"""Who trades with whom: wash trades, mirrors, spoofs that worked, and a market of one."""

from stockade import (
    EventSource,
    FeatureView,
    Query,
    count,
    count_distinct,
    entropy,
    max_,
    mean,
    min_,
    seconds_since_last,
    sum_,
    top_share,
)
from trust_safety.features.derived import ratio
from trust_safety.features.entities import market, user, user_market
from trust_safety.features.sources import MARKETS, prices, trades
from trust_safety.features.windows import DAY, DAYS, HOUR, MINUTES, MONTH, WEEK

# Each execution seen from both sides, with the device that each account was opened on.
trade_sides = EventSource(
    name="trade_sides",
    origin=Query(
        sql="""
        WITH devices AS (
          SELECT user_id, min(signup_device_id) AS device_id, min(referred_by) AS referred_by
          FROM {obs_users} GROUP BY user_id),
        sides AS (
          SELECT trade_id, 'maker' AS role, market, maker_user_id AS user_id,
            taker_user_id AS other_user_id, amount_usd, maker_rebate_usd AS rebate_usd,
            CASE taker_side WHEN 'buy' THEN -amount_usd ELSE amount_usd END AS net_usd,
            maker_order_id AS order_id, executed_at, ingested_at
          FROM {obs_trades}
          UNION ALL
          SELECT trade_id, 'taker', market, taker_user_id, maker_user_id, amount_usd,
            CAST(0 AS DECIMAL(18,2)),
            CASE taker_side WHEN 'buy' THEN amount_usd ELSE -amount_usd END,
            taker_order_id, executed_at, ingested_at
          FROM {obs_trades})
        SELECT s.*,
          s.user_id = s.other_user_id AS is_own,
          coalesce(s.user_id <> s.other_user_id AND (a.device_id = b.device_id
            OR a.referred_by = s.other_user_id OR b.referred_by = s.user_id), false) AS is_linked
        FROM sides s
        LEFT JOIN devices a ON a.user_id = s.user_id
        LEFT JOIN devices b ON b.user_id = s.other_user_id
        """
    ),
    event_time="executed_at",
    available_at="ingested_at",
    dedupe=("trade_id", "role"),
    description="Executions, one row for each party; linked where both share device or referral.",
    owner=MARKETS,
)

executions = FeatureView(
    name="executions",
    entity=user_market,
    source=trade_sides,
    aggregates={
        "trades": count(windows=(HOUR, DAY, WEEK, MONTH)),
        "traded_usd": sum_("amount_usd", windows=(HOUR, DAY, WEEK)),
        "net_usd": sum_("net_usd", windows=(HOUR, DAY, WEEK)),
        "own_usd": sum_("amount_usd", where="is_own", windows=(DAY, WEEK)),
        "linked_usd": sum_("amount_usd", where="is_linked", windows=(DAY, WEEK)),
        "partners": count_distinct("other_user_id", windows=(DAY, WEEK)),
        "top_partner_share": top_share("other_user_id", windows=(DAY, WEEK)),
        "partner_entropy": entropy("other_user_id", windows=(WEEK,)),
        "maker_trades": count(where="role = 'maker'", windows=(DAY,)),
        "rebate_usd": sum_("rebate_usd", windows=(DAY, WEEK)),
        "seconds_since_trade": seconds_since_last(windows=(MONTH,)),
    },
    owner=MARKETS,
    description="Executions of a user in a market: how much, with whom, and what was left of it.",
)

# A spoof that worked: an order withdrawn within two minutes of a fill on the other side.
spoofs = EventSource(
    name="spoofs",
    origin=Query(
        sql="""
        WITH fills AS (
          SELECT market, maker_user_id AS user_id, taker_side AS other_side, executed_at,
            ingested_at
          FROM {obs_trades}
          UNION ALL
          SELECT market, taker_user_id, CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END,
            executed_at, ingested_at
          FROM {obs_trades})
        SELECT DISTINCT c.order_id, c.user_id, c.market, c.amount_usd, c.cancelled_at,
          c.ingested_at
        FROM {obs_order_cancels} c
        JOIN fills f ON f.market = c.market AND f.user_id = c.user_id AND f.other_side = c.side
          AND f.executed_at BETWEEN c.placed_at AND c.cancelled_at
          AND f.executed_at >= c.cancelled_at - INTERVAL 2 MINUTES
          AND f.ingested_at <= c.ingested_at
        """
    ),
    event_time="cancelled_at",
    available_at="ingested_at",
    dedupe="order_id",
    description="Orders withdrawn just after the user's order on the other side was filled.",
    owner=MARKETS,
)

opposite_fills = FeatureView(
    name="opposite_fills",
    entity=user_market,
    source=spoofs,
    aggregates={
        "cancels_after_opposite_fill": count(windows=(HOUR, DAY, WEEK)),
        "cancelled_usd_after_opposite_fill": sum_("amount_usd", windows=(DAY,)),
    },
    owner=MARKETS,
    description="Orders that had moved the book when they were withdrawn.",
)

market_activity = FeatureView(
    name="market_activity",
    entity=market,
    source=trades,
    aggregates={
        "market_trades": count(windows=(HOUR, DAY, WEEK)),
        "market_usd": sum_("amount_usd", windows=(HOUR, DAY, WEEK)),
        "market_makers": count_distinct("maker_user_id", windows=(DAY,)),
        "market_takers": count_distinct("taker_user_id", windows=(DAY,)),
    },
    owner=MARKETS,
    description="Executions in a market; in a thin one, one user is most of it.",
)

market_prices = FeatureView(
    name="market_prices",
    entity=market,
    source=prices,
    aggregates={
        "highest_price": max_("price", windows=(HOUR, DAY)),
        "lowest_price": min_("price", windows=(HOUR, DAY)),
        "mean_price": mean("price", windows=(MINUTES, DAY, DAYS)),
        "quoted_usd": sum_("volume_usd", windows=(HOUR, DAY, WEEK)),
    },
    owner=MARKETS,
    description="Where quotes went, and what was turned over.",
)

user_trades = FeatureView(
    name="user_trades",
    entity=user,
    source=trade_sides,
    aggregates={
        "all_trades": count(windows=(DAY, WEEK, MONTH)),
        "all_traded_usd": sum_("amount_usd", windows=(DAY, WEEK, MONTH)),
        "all_linked_usd": sum_("amount_usd", where="is_linked OR is_own", windows=(MONTH,)),
        "all_partners": count_distinct("other_user_id", windows=(WEEK,)),
        "traded_markets": count_distinct("market", windows=(WEEK, MONTH)),
    },
    owner=MARKETS,
    description="Executions of a user in all markets.",
)

trade_ratios = (
    ratio("net_share_1d", "abs(net_usd_1d)", "traded_usd_1d",
          "What is left of a day's trades: near zero, they undid each other", owner=MARKETS),
    ratio("net_share_7d", "abs(net_usd_7d)", "traded_usd_7d",
          "What is left of a week's trades", owner=MARKETS),
    ratio("linked_share_1d", "own_usd_1d + linked_usd_1d", "traded_usd_1d",
          "Share of the day's volume with oneself or a linked account", owner=MARKETS),
    ratio("linked_share_7d", "own_usd_7d + linked_usd_7d", "traded_usd_7d",
          "Share of the week's volume with oneself or a linked account", owner=MARKETS),
    ratio("market_share_1d", "traded_usd_1d", "market_usd_1d",
          "The user's share of the market's day", owner=MARKETS),
    ratio("market_share_1h", "traded_usd_1h", "market_usd_1h",
          "The user's share of the market's last hour", owner=MARKETS),
    ratio("rebate_per_usd_7d", "rebate_usd_7d", "traded_usd_7d",
          "Rebates earned on each dollar", owner=MARKETS),
    ratio("price_range_1d", "highest_price_1d - lowest_price_1d", "mean_price_1d",
          "The day's range of quotes against their mean", owner=MARKETS),
    ratio("spoof_share_1d", "cancels_after_opposite_fill_1d", "cancels_1d",
          "Share of withdrawn orders that followed a fill on the other side", owner=MARKETS),
)  # fmt: skip

# The price of a coin that was bought with money that may still be called back.
price_change = ratio(
    "price_change_3d", "mean_price_15m - mean_price_3d", "mean_price_3d",
    "The quote now against the mean of three days; a fall makes buyers revoke", owner=MARKETS,
)  # fmt: skip

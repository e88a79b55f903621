"""Orders placed and withdrawn: what a book is shown, against what is meant."""

from stockade import FeatureView, count, mean, quantile, stddev, sum_
from trust_safety.features.derived import ratio
from trust_safety.features.entities import user, user_market
from trust_safety.features.sources import MARKETS, order_cancels, orders
from trust_safety.features.windows import DAY, HOUR, MINUTES, MONTH, WEEK

orders_placed = FeatureView(
    name="orders_placed",
    entity=user_market,
    source=orders,
    aggregates={
        "orders": count(windows=(HOUR, DAY, WEEK)),
        "buy_orders": count(where="side = 'buy'", windows=(MINUTES, HOUR, DAY)),
        "ordered_usd": sum_("amount_usd", windows=(HOUR, DAY, WEEK)),
        "program_orders": count(where="is_api", windows=(DAY,)),
        "limit_orders": count(where="order_type = 'limit'", windows=(DAY,)),
        "mean_order_usd": mean("amount_usd", windows=(DAY, WEEK)),
        "stddev_order_usd": stddev("amount_usd", windows=(DAY,)),
    },
    owner=MARKETS,
    description="Orders of a user in a market.",
)

orders_cancelled = FeatureView(
    name="orders_cancelled",
    entity=user_market,
    source=order_cancels,
    aggregates={
        "cancels": count(windows=(HOUR, DAY, WEEK)),
        "cancelled_usd": sum_("amount_usd", windows=(HOUR, DAY)),
        "median_order_seconds": quantile("life_seconds", q=0.5, windows=(DAY,)),
        "flash_cancels": count(where="life_seconds < 1", windows=(DAY,)),
        "brief_cancels": count(where="life_seconds < 60", windows=(DAY,)),
        "cancelled_buys": count(where="side = 'buy'", windows=(DAY,)),
    },
    owner=MARKETS,
    description="Orders withdrawn unfilled, and how long they stood.",
)

trading_orders = FeatureView(
    name="trading_orders",
    entity=user,
    source=orders,
    aggregates={
        "all_orders": count(windows=(DAY, WEEK, MONTH)),
        "all_ordered_usd": sum_("amount_usd", windows=(DAY, WEEK, MONTH)),
        "bought_usd": sum_("amount_usd", where="side = 'buy'", windows=(HOUR, DAY, WEEK)),
        "sold_usd": sum_("amount_usd", where="side = 'sell'", windows=(HOUR, DAY, WEEK)),
        "median_order_usd": quantile("amount_usd", q=0.5, windows=(MONTH,)),
    },
    owner=MARKETS,
    description="Orders of a user in all markets: who never trades passes money through.",
)

order_ratios = (
    ratio("cancel_share_1d", "cancels_1d", "orders_1d",
          "Share of the day's orders that were withdrawn", owner=MARKETS),
    ratio("cancel_share_7d", "cancels_7d", "orders_7d",
          "Share of the week's orders that were withdrawn", owner=MARKETS),
    ratio("flash_share_1d", "flash_cancels_1d", "cancels_1d",
          "Share of withdrawals within a second", owner=MARKETS),
    ratio("buy_burst", "buy_orders_15m * 96", "greatest(buy_orders_1d, 1)",
          "Buys of a quarter of an hour against the day's mean", owner=MARKETS),
    ratio("one_sided_cancels_1d", "abs(2 * cancelled_buys_1d - cancels_1d)", "cancels_1d",
          "How one-sided the withdrawn orders are: 1 is all buys or all sells", owner=MARKETS),
)  # fmt: skip

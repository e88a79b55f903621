"""Coins and their prices: calm and wild weeks, and now and then a pump."""

from dataclasses import dataclass

import numpy as np

from trust_safety.simulator.calendars import day_of
from trust_safety.simulator.draws import Array, Draws, lognormal, normal, pick, poisson
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, World

ASSETS = (
    "BTC",
    "ETH",
    "USDC",
    "SOL",
    "LINK",
    "AVAX",
    "ORB",
    "TIDE",
    "FERN",
    "MICA",
    "DUNE",
    "LOAM",
)
TIERS = ("major", "major", "major", "mid", "mid", "mid", *("thin",) * 6)
BTC, ETH, USDC, THIN = 0, 1, 2, 6
_OPENING = (61_000.0, 3_100.0, 1.0, 140.0, 15.0, 31.0, 0.42, 1.7, 0.09, 4.2, 0.85, 0.021)
_SIGMA = (0.8, 1.0, 0.0, 1.3, 1.4, 1.4, 1.8, 1.8, 2.0, 1.6, 1.9, 2.1)
_QUARTER = 15 * MINUTE
_HOURS = (14, 15, 16, 17, 18, 19, 20, 21)

MARKETS = tuple(f"{asset}-USD" for asset in ASSETS)


@dataclass(frozen=True, slots=True, eq=False)
class Pumps:
    """Pumps in order of time: the coin, the announced instant, and how far the price goes."""

    asset: Array
    at: Array
    height: Array


class Markets:
    """Prices of a whole world; small, so that every partition makes its own."""

    def __init__(self, world: World) -> None:
        """Draw regimes, prices and pumps."""
        self.days = world.days
        draws = Draws(world.seed, "prices")
        days = np.arange(world.days + 2)
        self.wild = _regimes(draws, days)
        """By day, whether the market is wild."""
        self.heat = np.where(self.wild, 1.35, 0.9)
        """By day, how much more than usual people do."""
        self._daily = self._paths(draws, days)
        self._quarters = self._noise(draws)
        self.pumps = _pumps(world)

    def _paths(self, draws: Draws, days: Array) -> Array:
        sigma = np.where(self.wild, 0.042, 0.016)
        common = normal(draws.uniform(99, days)[0]) * sigma
        paths: list[Array] = []
        for asset, weight in enumerate(_SIGMA):
            own = normal(draws.uniform(asset, days)[0]) * sigma * 0.6
            step = weight * (common * 0.8 + own) + 0.0003 * (weight > 0)
            paths.append(np.log(_OPENING[asset]) + np.cumsum(step) - step[0])
        return np.stack(paths)

    def _noise(self, draws: Draws) -> Array:
        count = (self.days + 1) * 96
        slot = np.arange(count)
        rows = [
            1 + 0.0012 * weight * normal(draws.uniform(asset + 200, slot // 96, slot % 96)[0])
            for asset, weight in enumerate(_SIGMA)
        ]
        return np.stack(rows)

    def price(self, asset: Array, at: Array) -> Array:
        """Quotes in dollars for one coin; before the first day those of its first moment."""
        since = np.clip(at - ORIGIN, 0, self.days * DAY)
        day, within = since // DAY, (since % DAY) / DAY
        smooth = self._daily[asset, day] * (1 - within) + self._daily[asset, day + 1] * within
        return np.exp(smooth) * self._quarters[asset, since // _QUARTER] * self._pumped(asset, at)

    def drop_after(self, asset: Array, at: Array, days: int) -> Array:
        """How far the price falls below that of `at` by day's ends within so many days, 0 to 1."""
        day = np.clip(day_of(at), 0, self.days)
        here = self._daily[asset, day]
        ahead = [self._daily[asset, np.minimum(day + step, self.days)] for step in range(1, days)]
        return np.clip(1 - np.exp(np.min(np.stack(ahead), axis=0) - here), 0, 1)

    def _pumped(self, asset: Array, at: Array) -> Array:
        factor = np.ones(np.shape(at))
        for coin, start, height in zip(
            self.pumps.asset, self.pumps.at, self.pumps.height, strict=True
        ):
            minutes = (at - start) / MINUTE
            rise = np.clip(minutes / 4, 0, 1) * np.exp(-np.clip(minutes - 4, 0, None) / 18)
            # Those who know buy in the hours before.
            quiet = np.where((minutes < 0) & (minutes > -180), 0.03 * (1 + minutes / 180), 0.0)
            factor = np.where(asset == coin, factor * (1 + height * rise + quiet), factor)
        return factor

    def quotes(self, first: int, until: int) -> tuple[Array, Array]:
        """Coins and instants of the quotes of the days `[first, until)`."""
        begin, end = ORIGIN + first * DAY, ORIGIN + until * DAY
        regular = np.arange(begin, end, _QUARTER)
        assets = np.repeat(np.arange(len(ASSETS)), regular.size)
        instants = np.tile(regular, len(ASSETS))
        near = (self.pumps.at >= begin) & (self.pumps.at < end)
        minutes = np.arange(-60, 90) * MINUTE
        extra = (self.pumps.at[near, None] + minutes).ravel()
        coins = np.repeat(self.pumps.asset[near], minutes.size)
        new = (extra % _QUARTER != 0) & (extra >= begin) & (extra < end)
        return np.concatenate([assets, coins[new]]), np.concatenate([instants, extra[new]])


def _regimes(draws: Draws, days: Array) -> Array:
    # A chain of two states: a wild spell lasts eight days, a calm one thirty.
    uniform = draws.uniform(98, days)[0]
    wild = np.zeros(days.size, dtype=bool)
    for day in range(1, days.size):
        wild[day] = uniform[day] < (1 - 1 / 8 if wild[day - 1] else 1 / 30)
    return wild


def _pumps(world: World) -> Pumps:
    rates, draws = world.rates, Draws(world.seed, "pumps")
    days = np.arange(world.days)
    a, b, c, d = draws.uniform(0, days)
    many = poisson(a, rates["pump.per_month"] * max(1.0, world.intensity / 4) / 30.4)
    day = days[many > 0]
    b, c, d = b[many > 0], c[many > 0], d[many > 0]
    hour = np.array(_HOURS)[pick(b, [rates[f"pump.hour_{hour}"] for hour in _HOURS])]
    late = (d - rates["pump.minute_zero"]) / (1 - rates["pump.minute_zero"])
    minute = np.where(late < 0, 0, 1 + np.floor(late * 59)).astype(np.int64)
    coin = THIN + np.floor(c * (len(ASSETS) - THIN)).astype(np.int64)
    height = np.clip(lognormal(draws.uniform(1, day)[0], 0.6, 0.6), 0.1, 4.0)
    return Pumps(coin, ORIGIN + day * DAY + hour * HOUR + minute * MINUTE, height)

"""Card payments on a plane: customers pay at terminals near them, and three frauds are injected.

The schema and the three scenarios are those of the simulated data of the Fraud Detection Handbook
(Le Borgne, Siblini, Lebichot, Bontempi, 2022); the method here is our own, vectorised and seeded.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_DAY = 86_400
# A payment this large was not made by the card's owner (scenario 1).
_LARGE = 220.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How large the generated world is; the defaults are `scale` 1 of `world`.

    Attributes:
        customers, terminals: how many live on the plane.
        days: how many days they pay.
        terminals_taken, customers_taken: how many are compromised each day.
        seed: the same seed gives the same payments.
    """

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183
    terminals_taken: float = 2.0
    customers_taken: float = 3.0
    seed: int = 0


def world(scale: float, *, days: int = 183, seed: int = 0) -> World:
    """A world of `scale` times five thousand customers and ten thousand terminals."""
    return World(
        customers=max(20, round(5_000 * scale)),
        terminals=max(40, round(10_000 * scale)),
        days=days,
        terminals_taken=2.0 * scale,
        customers_taken=3.0 * scale,
        seed=seed,
    )


def transactions(size: World, *, start: date = date(2018, 4, 1)) -> pd.DataFrame:
    """Payments in order of time.

    Returns:
        One row per payment: TRANSACTION_ID, CUSTOMER_ID, TERMINAL_ID (int), TX_DATETIME (naive,
        meant as UTC), TX_AMOUNT (double, to the cent), TX_FRAUD (0 or 1), TX_FRAUD_SCENARIO (0 to
        3).
    """
    draw = np.random.default_rng(size.seed)
    reach = _terminals_in_reach(size, draw)
    rate = draw.uniform(0, 4, size.customers)
    usual = draw.uniform(5, 100, size.customers)
    # One row per payment: a Poisson number for each customer and day.
    counts = draw.poisson(np.repeat(rate, size.days))
    cell = np.repeat(np.arange(counts.size), counts)
    customer, day = cell // size.days, cell % size.days
    second = draw.normal(43_200, 20_000, cell.size)
    inside = (second > 0) & (second < _DAY) & (reach.count[customer] > 0)
    customer, day, second = customer[inside], day[inside], second[inside].astype(np.int64)
    amount = draw.normal(usual[customer], usual[customer] / 2)
    amount = np.where(amount < 0, draw.uniform(0, 2 * usual[customer]), amount).round(2)
    pick = (draw.random(customer.size) * reach.count[customer]).astype(np.int64)
    terminal = reach.flat[reach.start[customer] + pick]
    order = np.lexsort((customer, day * _DAY + second))
    customer, terminal, day = customer[order], terminal[order], day[order]
    amount, second = amount[order], second[order]
    amount, scenario = _defrauded(size, draw, customer, terminal, day, amount)
    at = np.datetime64(start, "us") + (day * _DAY + second).astype("timedelta64[s]")
    return pd.DataFrame(
        {
            "TRANSACTION_ID": np.arange(customer.size, dtype=np.int32),
            "TX_DATETIME": at,
            "CUSTOMER_ID": customer.astype(np.int32),
            "TERMINAL_ID": terminal.astype(np.int32),
            "TX_AMOUNT": amount,
            "TX_FRAUD": (scenario > 0).astype(np.int8),
            "TX_FRAUD_SCENARIO": scenario.astype(np.int8),
        }
    )


def write(size: World, folder: Path) -> Path:
    """Write `transactions.parquet` into a folder; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "transactions.parquet"
    transactions(size).to_parquet(path, index=False, coerce_timestamps="us")
    return path


@dataclass(frozen=True, slots=True)
class _Reach:
    """For each customer, a stretch of `flat` that lists the terminals near enough."""

    flat: Integers
    start: Integers
    count: Integers


def _terminals_in_reach(size: World, draw: Generator) -> _Reach:
    # The plane shrinks with the world, so that each customer has as many terminals near as before.
    side = 100.0 * np.sqrt(size.terminals / 10_000)
    homes = draw.uniform(0, side, (size.customers, 2))
    places = draw.uniform(0, side, (size.terminals, 2))
    near = [np.flatnonzero(((places - home) ** 2).sum(axis=1) < 25.0) for home in homes]
    count = np.array([len(found) for found in near], dtype=np.int64)
    return _Reach(np.concatenate(near), np.cumsum(count) - count, count)


def _defrauded(
    size: World,
    draw: Generator,
    customer: Integers,
    terminal: Integers,
    day: Integers,
    amount: Floats,
) -> tuple[Floats, Integers]:
    """Amounts and scenarios after the three frauds; a later scenario overwrites an earlier one."""
    scenario = np.where(amount > _LARGE, 1, 0).astype(np.int64)
    taken = _taken(draw, size.terminals_taken, size.days, size.terminals, length=28)
    scenario[taken[terminal, day]] = 2
    victims = _taken(draw, size.customers_taken, size.days, size.customers, length=14)
    # The thief uses the card beside its owner: a third of the payments are his, five times larger.
    stolen = victims[customer, day] & (draw.random(customer.size) < 1 / 3)
    scenario[stolen] = 3
    return np.where(stolen, (amount * 5).round(2), amount), scenario


def _taken(
    draw: Generator, each_day: float, days: int, population: int, *, length: int
) -> NDArray[np.bool_]:
    """Who is compromised on which day: some begin each day, and stay so for `length` days."""
    taken = np.zeros((population, days), dtype=np.bool_)
    for begin, number in enumerate(draw.poisson(each_day, days)):
        for one in draw.integers(0, population, number):
            taken[one, begin : begin + length] = True
    return taken

"""A small world: what it holds, however it is cut, and what no definition may read."""

from datetime import date
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Query, Table
from stockade.definitions.spine import Spine
from stockade.errors import DefinitionError
from trust_safety.simulator.columns import schema
from trust_safety.simulator.generate import generate
from trust_safety.simulator.tables import TABLES
from trust_safety.simulator.world import Switch, World, world


@cache
def small(*switches: Switch) -> dict[str, pa.Table]:
    return dict(generate(world(0.01, seed=7, switches=switches)))


def rows_of(table: pa.Table) -> list[str]:
    """The rows as text in an order of their own."""
    return sorted(map(str, zip(*(column.to_pylist() for column in table.columns), strict=True)))


def test_every_table_is_there_with_its_columns() -> None:
    found = small()

    assert {name: table.schema for name, table in found.items()} == {
        name: schema(table) for name, table in TABLES.items()
    }


@pytest.mark.slow
def test_a_world_is_the_same_however_it_is_cut() -> None:
    whole = small()
    parts = generate(world(0.01, seed=7), partitions=5)

    assert [name for name in TABLES if rows_of(whole[name]) != rows_of(parts[name])] == []


def test_another_seed_is_another_world() -> None:
    other = generate(world(0.01, seed=8))

    assert rows_of(small()["obs_users"]) != rows_of(other["obs_users"])


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith("obs_")])
def test_nothing_is_known_before_it_happened(name: str) -> None:
    table, rows = TABLES[name], small()[name]
    early = pc.less(rows.column(str(table.available_at)), rows.column(table.event_time))

    assert early.null_count == 0
    assert not pc.any(early).as_py()


def test_a_duplicated_batch_delivers_one_day_twice() -> None:
    day = Switch(name="duplicated_batch", on=date(2025, 2, 1))
    calm, doubled = small()["obs_logins"], small(day)["obs_logins"]

    assert doubled.num_rows > calm.num_rows
    assert set(doubled.column("event_id").to_pylist()) == set(calm.column("event_id").to_pylist())


def test_money_comes_in_cents_after_the_switch() -> None:
    day = Switch(name="cents", on=date(2025, 2, 1))
    calm, cents = (found["obs_crypto_withdrawals"] for found in (small(), small(day)))
    amounts = [
        dict(
            zip(
                table.column("withdrawal_id").to_pylist(),
                table.column("amount_usd").to_pylist(),
                strict=True,
            )
        )
        for table in (calm, cents)
    ]
    ratios = {round(amounts[1][key] / amount) for key, amount in amounts[0].items() if amount}

    assert ratios == {1, 100}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"users": 61}, "multiple of 60 users"),
        ({"days": 10}, "lives 30 days at least"),
        ({"evasion": 4}, "evasion is 0, 1, 2 or 3"),
        ({"switches": (Switch(name="campaign", on=date(2030, 1, 1)),)}, "is on 2030-01-01"),
    ],
)
def test_a_world_that_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        World(**{"users": 60, "days": 30, **values})


def test_a_misspelt_switch_names_the_nearest() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'campaign'"):
        Switch(name="campain", on=date(2025, 2, 1))


def test_no_definition_reads_the_truth() -> None:
    registry = Registry.load("trust_safety.features", "trust_safety.models")
    read: set[str] = set()
    for one in (*registry.all(EventSource), *registry.all(Spine)):
        if isinstance(one.origin, Query):
            read |= {held.name for held in one.origin.inputs.values() if isinstance(held, Table)}
        elif isinstance(one.origin, Table):
            read.add(one.origin.name)

    assert read - set(TABLES) == set()
    assert {name for name in read if name.startswith("truth")} == set()

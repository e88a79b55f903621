"""A whole world as tables: in memory, or streamed to Parquet files."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from trust_safety.simulator.accounts import accounts, sessions
from trust_safety.simulator.chain import chain
from trust_safety.simulator.columns import schema
from trust_safety.simulator.faults import faulty
from trust_safety.simulator.hidden import hidden
from trust_safety.simulator.markets import Markets
from trust_safety.simulator.money import coin_flows, fiat, trading
from trust_safety.simulator.observer import Observer, Tables
from trust_safety.simulator.play import play
from trust_safety.simulator.review import review
from trust_safety.simulator.shared import shared
from trust_safety.simulator.tables import TABLES
from trust_safety.simulator.world import World

# So many cells are lived at once: about 3 000 people, a few hundred megabytes for a year.
BATCH = 50


def batches(world: World, *, cells: int = BATCH) -> tuple[tuple[int, int], ...]:
    """Runs of cells that cover a world, and before them one of none: what all share."""
    starts = range(0, world.cells, cells)
    return ((0, 0), *((start, min(start + cells, world.cells)) for start in starts))


def batch(world: World, run: tuple[int, int]) -> Tables:
    """The rows of one run of cells, by table; any way to cut a world gives the same rows.

    The run of no cells gives what the communities share: markets, makers, lists, clusters.
    """
    first, until = run
    markets = _markets(world)
    if first == until:
        found = shared(world, markets)
    else:
        seen = Observer.of(play(world, markets, first, until))
        found = {
            **accounts(seen),
            **sessions(seen),
            **fiat(seen),
            **trading(seen),
            **coin_flows(seen),
            **chain(seen),
            **review(seen),
            **hidden(seen),
        }
    return {name: faulty(world, name, rows) for name, rows in found.items()}


@lru_cache(maxsize=1)
def _markets(world: World) -> Markets:
    return Markets(world)


def generate(world: World, *, partitions: int = 1) -> Tables:
    """All tables of a world in memory; for small ones."""
    cells = -(-world.cells // partitions)
    parts = [batch(world, run) for run in batches(world, cells=min(cells, BATCH))]
    return {
        name: pa.concat_tables(
            [schema(table).empty_table(), *(part[name] for part in parts if name in part)]
        )
        for name, table in TABLES.items()
    }


def write(world: World, folder: Path, *, processes: int = 1) -> Iterator[Mapping[str, int]]:
    """Write a world's tables as Parquet files, `folder/obs_logins/00001.parquet` and so on.

    Memory stays that of a few batches, however large the world is.

    Yields:
        After each batch the rows that it wrote, by table.
    """
    for name, table in TABLES.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.parquet"):
            old.unlink()
        pq.write_table(schema(table).empty_table(), place / "empty.parquet")
    runs = list(enumerate(batches(world)))
    if processes == 1:
        for number, run in runs:
            yield _write(world, folder, number, run)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_write, world, folder, number, run) for number, run in runs]:
            yield done.result()


def _write(world: World, folder: Path, number: int, run: tuple[int, int]) -> Mapping[str, int]:
    written: dict[str, int] = {}
    for name, rows in batch(world, run).items():
        pq.write_table(rows, folder / name / f"{number:05d}.parquet", compression="zstd")
        written[name] = rows.num_rows
    return written


def checksum(rows: pa.Table) -> int:
    """A number that is equal for equal rows, in whatever order."""
    if not rows.num_rows:
        return 0
    arrays = [
        column.cast(pa.string()) if pa.types.is_decimal(column.type) else column
        for column in rows.columns
    ]
    plain = pa.Table.from_arrays(arrays, names=rows.column_names)
    hashed = pd.util.hash_pandas_object(plain.to_pandas(), index=False)
    return int(hashed.to_numpy().sum(dtype=np.uint64))

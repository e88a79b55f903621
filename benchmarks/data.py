"""Events with Zipf-like keys over one year, and decisions about the same keys."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_YEAR = 365 * 86_400 * 1_000_000
_START = 1_735_689_600_000_000  # 2025-01-01 UTC, microseconds
_FILES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What to generate.

    Attributes:
        events, decisions: how many rows.
        hot: share of all events that belong to one key; None leaves Zipf's own (about 5 %).
    """

    events: int
    decisions: int
    hot: float | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"{self.events}_{self.decisions}" + (f"_hot{self.hot}" if self.hot else "")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the generated rows are: folders of Parquet files."""

    events: Path
    spine: Path


def generate(shape: Shape, folder: Path) -> Files:
    """Write the rows unless they are there.

    Events: key (bigint), happened_at, known_at (timestamps; ten minutes late on average, one in
    twenty up to a week), amount (double), category (int, 200 of them). Spine: key, decided_at.
    Rows are in no order.
    """
    files = Files(folder / shape.name / "events", folder / shape.name / "spine")
    if (folder / shape.name / "done").exists():
        return files
    draw = np.random.default_rng(1)
    keys = max(10, shape.events // 50)
    share = np.arange(1, keys + 1) ** -0.9
    share /= share.sum()
    if shape.hot:
        share = np.concatenate([[shape.hot], share[1:] / share[1:].sum() * (1 - shape.hot)])
    bounds = np.cumsum(share)
    for part in range(_FILES):
        n = shape.events // _FILES
        happened = _START + draw.integers(0, _YEAR, n)
        late = np.where(
            draw.random(n) < 0.05, draw.integers(0, 7 * 86_400_000_000, n), 0
        ) + draw.exponential(600e6, n).astype(np.int64)
        _write(
            files.events / f"{part}.parquet",
            {
                "key": pa.array(
                    np.searchsorted(bounds, draw.random(n)).clip(max=keys - 1).astype(np.int64)
                ),
                "happened_at": _instants(happened),
                "known_at": _instants(happened + late),
                "amount": pa.array(np.round(draw.lognormal(4, 1, n), 2)),
                "category": pa.array(draw.integers(0, 200, n).astype(np.int32)),
            },
        )
        n = shape.decisions // _FILES
        _write(
            files.spine / f"{part}.parquet",
            {
                "key": pa.array(
                    np.searchsorted(bounds, draw.random(n)).clip(max=keys - 1).astype(np.int64)
                ),
                "decided_at": _instants(_START + draw.integers(0, _YEAR, n)),
            },
        )
    (folder / shape.name / "done").touch()
    return files


def _instants(microseconds: np.ndarray) -> pa.Array:
    return pa.array(microseconds, pa.timestamp("us", tz="UTC"))


def _write(path: Path, columns: dict[str, pa.Array]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)

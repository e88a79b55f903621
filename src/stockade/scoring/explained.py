"""Decisions scored again, with what their scores were made of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from stockade.building.features import Inputs, attach_service
from stockade.building.training_set import decisions
from stockade.champion import Champion
from stockade.definitions.fingerprint import from_json
from stockade.engine.faults import spark_faults
from stockade.scoring.score import score
from stockade.store.tables import Tables

if TYPE_CHECKING:
    from stockade.definitions.spine import TrainingSet


def featured_decisions(
    tables: Tables, champion: Champion, ids: Sequence[Mapping[str, object]], *, day: date | None
) -> DataFrame:
    """The named decisions with all of their features, by the champion's pinned definitions.

    Args:
        tables: where to read.
        champion: whose features.
        ids: of the decisions.
        day: on which they were made; None where that is not known, which reads them all.
    """
    pinned: TrainingSet = from_json(champion.definitions_json)
    start, end = None, None
    if day is not None:
        start = datetime.combine(day, time.min, tzinfo=UTC)
        end = start + timedelta(days=1)
    inputs = Inputs.of(tables)
    rows = decisions(inputs, pinned.spine, start=start, end=end)
    wanted = [
        reduce(lambda a, b: a & b, (F.col(n).cast("string") == str(v) for n, v in one.items()))
        for one in ids
    ]
    chosen = rows.where(reduce(lambda a, b: a | b, wanted, F.lit(False)))
    return attach_service(chosen, pinned.features, pinned.spine, inputs, mode=pinned.mode).rows


def explained_rows(
    tables: Tables,
    champion: Champion,
    ids: Sequence[Mapping[str, object]],
    *,
    day: date | None,
    reasons: int,
) -> list[Row]:
    """The named decisions scored again, with so many reasons for each."""
    pinned: TrainingSet = from_json(champion.definitions_json)
    with spark_faults():
        rows = featured_decisions(tables, champion, ids, day=day)
        scored = score(
            rows, champion, id_columns=pinned.spine.id, decided_at=pinned.spine.decided_at,
            explain=reasons,
        )  # fmt: skip
        return scored.collect()

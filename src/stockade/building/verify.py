"""Engine against oracle on sampled decisions: the same features computed twice."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import Inputs
from stockade.definitions.spine import TrainingSet
from stockade.engine.operator import attach
from stockade.engine.oracle import naive
from stockade.errors import EmptyTableError, VerificationError, require_columns
from stockade.store.tables import Tables

# Doubles are added in another order by the two; everything else must be equal.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value on which engine and oracle disagree."""

    id: Mapping[str, object]
    feature: str
    engine: object
    oracle: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and what differed.

    Attributes:
        training_set: whose features.
        rows, features: how many decisions and features were compared.
        differences: every value that differs.
    """

    training_set: str
    rows: int
    features: int
    differences: tuple[Difference, ...]

    def require(self) -> "Verification":
        """Raise `VerificationError` naming the features that differ; otherwise itself."""
        names = sorted({difference.feature for difference in self.differences})
        if names:
            raise VerificationError(
                f"training set '{self.training_set}': engine and oracle disagree on "
                f"{len(self.differences)} of {self.rows * self.features} values, in "
                + ", ".join(f"'{name}'" for name in names)
            )
        return self


def verify(tables: Tables, definition: TrainingSet, *, sample: int = 500) -> Verification:
    """Compute features of sampled decisions by engine and by oracle, and compare.

    Args:
        tables: where to read.
        definition: whose spine and features.
        sample: how many decisions; the same ones each time, spread over the spine by hash.
    """
    inputs, spine = Inputs.of(tables), definition.spine
    rows = inputs.open(spine.origin)
    require_columns(rows.columns, spine.decided_at, *spine.id, where=f"spine '{spine.name}'")
    few = _sampled(rows, spine.id, sample)
    histories = [inputs.history(selection) for selection in definition.features.selections()]
    engine = attach(few, histories, decided_at=spine.decided_at, keys=spine.keys)
    if engine.profile.rows == 0:
        raise EmptyTableError(f"spine '{spine.name}' has no decisions to verify: load its data")
    oracle = naive(few, histories, decided_at=spine.decided_at, keys=spine.keys)
    names = [name for history in histories for name in history.selection.names]
    return Verification(
        training_set=definition.name,
        rows=engine.profile.rows,
        features=len(names),
        differences=tuple(_differences(engine.rows, oracle, spine.id, names)),
    )


def _sampled(rows: DataFrame, identity: Sequence[str], sample: int) -> DataFrame:
    few = rows.orderBy(F.xxhash64(*identity), *identity).limit(sample)
    # Brought to the driver once: both sides must see the very same rows.
    return rows.sparkSession.createDataFrame(few.toArrow(), rows.schema)


def _differences(
    engine: DataFrame, oracle: DataFrame, identity: Sequence[str], names: Sequence[str]
) -> Iterator[Difference]:
    """Values that differ, row by row; rows of one identity in the same order of all columns."""
    wanted = [*identity, *names]
    ours = engine.select(*wanted).toArrow().to_pylist()
    theirs = oracle.select(*wanted).toArrow().to_pylist()
    by_id: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in theirs:
        by_id.setdefault(tuple(row[name] for name in identity), []).append(row)
    for row in ours:
        twins = by_id.get(tuple(row[name] for name in identity), [])
        twin = next((t for t in twins if all(same(row[n], t[n]) for n in names)), None)
        if twin is not None:
            twins.remove(twin)
            continue
        nearest = twins[0] if twins else dict.fromkeys(wanted)
        for name in names:
            if not same(row[name], nearest[name]):
                yield Difference(
                    id={key: row[key] for key in identity},
                    feature=name, engine=row[name], oracle=nearest[name],
                )  # fmt: skip


def same(one: object, other: object) -> bool:
    """Equal, or for doubles as near as another order of addition allows; NaN equals NaN."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(one) is type(other) and one == other

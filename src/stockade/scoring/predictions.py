"""Predictions as a table: one row per decision, written once however often it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import uuid4

from pyspark.sql import functions as F

from stockade.building.features import Inputs, Wanted, attach_services
from stockade.building.training_set import decisions
from stockade.building.versions import Versions
from stockade.champion import Champion, predictions_table
from stockade.definitions.fingerprint import from_json, require_same, service_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.spine import TrainingSet
from stockade.engine.faults import spark_faults
from stockade.engine.operator import Attached
from stockade.errors import EmptyTableError
from stockade.scoring.score import score
from stockade.store.tables import Tables, Written

# The day of a decision, by which predictions are partitioned.
DECIDED_ON = "decided_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Predictions that were written.

    Attributes:
        table: where they are.
        rows: how many decisions were scored.
        model, version: the registered model that scored them.
        written: the commit.
    """

    table: str
    rows: int
    model: str
    version: str
    written: Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """A model, and the version of it that scores.

    Attributes:
        spec: as it is declared.
        champion: the version.
        shadow: whether its predictions are kept apart, for nobody to act on.
    """

    spec: ModelSpec
    champion: Champion
    shadow: bool = False

    @property
    def pinned(self) -> TrainingSet:
        """The training set that the version learnt from."""
        return from_json(self.champion.definitions_json)


def write_predictions(
    tables: Tables, scorings: Sequence[Scoring], *, since: date, until: date, explain: int = 0
) -> Iterator[Scored]:
    """Score the decisions of the days `[since, until)` and replace those days' predictions.

    Features come from the definitions that each champion is pinned to, in the mode that it was
    trained with; what several need of a table is read once where that is little.

    Returns:
        What was written for each, in their order, once it is. Where one cannot be scored, those
        before it are written.

    Raises:
        FingerprintMismatchError: a declared definition has changed since, and no version of its
            view that may still be used is the champion's; each is named. Nothing is written.
        EndedVersionError: a champion needs a version of a view whose end date has come.
        EmptyTableError: there are no decisions in these days.
    """
    versions = Versions.read(tables)
    for one in scorings:
        _require_declared(versions, one)
    start, end = (datetime.combine(day, time.min, tzinfo=UTC) for day in (since, until))
    with spark_faults():
        inputs = Inputs.of(tables, until=end)
        wanted = [_wanted(inputs, one.pinned, start=start, end=end) for one in scorings]
        found = attach_services(wanted, inputs)
        for one, featured in zip(scorings, found, strict=True):
            yield _written(tables, one, featured, since=since, until=until, explain=explain)


def _require_declared(versions: Versions, scoring: Scoring) -> None:
    champion, declared = scoring.champion, scoring.spec.training_set.features
    today = datetime.now(UTC).date()
    usable = versions.allowing(declared, scoring.pinned.features, today=today)
    require_same(
        champion.fingerprints,
        service_fingerprints(usable),
        who=f"model '{champion.name}' version {champion.version}",
        remedy="retrain it, or restore the definition",
    )


def _wanted(inputs: Inputs, pinned: TrainingSet, *, start: datetime, end: datetime) -> Wanted:
    rows = decisions(inputs, pinned.spine, start=start, end=end)
    # A decision without a time belongs to no day.
    timed = rows.where(F.col(pinned.spine.decided_at).isNotNull())
    return Wanted(rows=timed, service=pinned.features, spine=pinned.spine, mode=pinned.mode)


def _written(
    tables: Tables, scoring: Scoring, featured: Attached, *, since: date, until: date, explain: int
) -> Scored:
    spec, champion, spine = scoring.spec, scoring.champion, scoring.pinned.spine
    table = predictions_table(spec.name, shadow=scoring.shadow)
    if featured.profile.rows == 0:
        raise EmptyTableError(
            f"model '{spec.name}': spine '{spine.name}' has no decisions from {since} to {until}, "
            f"and an empty write would wipe what table '{table}' holds of these days: check the "
            "input, or choose other days"
        )
    scored = score(
        featured.rows,
        champion,
        id_columns=spine.id,
        decided_at=spine.decided_at,
        explain=explain,
    ).withColumn(DECIDED_ON, F.to_date(spine.decided_at))
    note = {
        "run_id": uuid4().hex,
        "interval": [since.isoformat(), until.isoformat()],
        "model": champion.name,
        "model_version": champion.version,
        "fingerprints": dict(champion.fingerprints),
    }
    written = tables.replace_interval(
        table, scored, column=DECIDED_ON, start=since, end=until, note=note, allow_empty=True
    )
    return Scored(
        table=table, rows=written.rows, model=champion.name,
        version=str(champion.version), written=written,
    )  # fmt: skip

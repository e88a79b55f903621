"""Predictions as a table: one row per decision, written once however often it is asked for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import uuid4

from pyspark.sql import functions as F

from stockade.building.features import Inputs, attach_service
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


def write_predictions(
    tables: Tables,
    spec: ModelSpec,
    champion: Champion,
    *,
    since: date,
    until: date,
    explain: int = 0,
    shadow: bool = False,
) -> Scored:
    """Score the decisions of the days `[since, until)` and replace those days' predictions.

    Features come from the definitions that the champion is pinned to, in the mode that it was
    trained with.

    Raises:
        FingerprintMismatchError: a declared definition has changed since, and no version of its
            view that may still be used is the champion's; each is named.
        EndedVersionError: the champion needs a version of a view whose end date has come.
    """
    pinned: TrainingSet = from_json(champion.definitions_json)
    today, declared = datetime.now(UTC).date(), spec.training_set.features
    usable = Versions.read(tables).allowing(declared, pinned.features, today=today)
    require_same(
        champion.fingerprints,
        service_fingerprints(usable),
        who=f"model '{champion.name}' version {champion.version}",
        remedy="retrain it, or restore the definition",
    )
    table = predictions_table(spec.name, shadow=shadow)
    featured = _featured(tables, pinned, since=since, until=until)
    if featured.profile.rows == 0:
        raise EmptyTableError(
            f"model '{spec.name}': spine '{pinned.spine.name}' has no decisions from {since} to "
            f"{until}, and an empty write would wipe what table '{table}' holds of these days: "
            "check the input, or choose other days"
        )
    scored = score(
        featured.rows,
        champion,
        id_columns=pinned.spine.id,
        decided_at=pinned.spine.decided_at,
        explain=explain,
    ).withColumn(DECIDED_ON, F.to_date(pinned.spine.decided_at))
    note = {
        "run_id": uuid4().hex,
        "interval": [since.isoformat(), until.isoformat()],
        "model": champion.name,
        "model_version": champion.version,
        "fingerprints": dict(champion.fingerprints),
    }
    with spark_faults():
        written = tables.replace_interval(
            table,
            scored,
            column=DECIDED_ON,
            start=since,
            end=until,
            note=note,
            allow_empty=True,
        )
    return Scored(
        table=table, rows=written.rows, model=champion.name,
        version=str(champion.version), written=written,
    )  # fmt: skip


def _featured(tables: Tables, pinned: TrainingSet, *, since: date, until: date) -> Attached:
    start, end = (datetime.combine(day, time.min, tzinfo=UTC) for day in (since, until))
    inputs = Inputs.of(tables, until=end)
    rows = decisions(inputs, pinned.spine, start=start, end=end)
    # A decision without a time belongs to no day.
    timed = rows.where(F.col(pinned.spine.decided_at).isNotNull())
    with spark_faults():
        return attach_service(timed, pinned.features, pinned.spine, inputs, mode=pinned.mode)

"""What a model decided on each day, from what inputs, and what became of it; read on Spark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import Inputs, attach_service
from stockade.building.training_set import decisions, labelled_rows
from stockade.champion import Champion
from stockade.definitions.fingerprint import from_json
from stockade.definitions.model import ModelSpec
from stockade.definitions.spine import TrainingSet
from stockade.scoring.score import ACTION, MODEL_VERSION, PROBABILITY, SCORE, score
from stockade.watching.arrivals import tallied
from stockade.watching.tally import DIFFERS, ON_DAY, RESCORED, SAME, Shape

_WRITTEN = "_written_score"
DECIDED_ON = "decided_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A model that is watched.

    Attributes:
        spec: its definition.
        champion: the version that scores now.
        predictions: the table of its scores.
    """

    spec: ModelSpec
    champion: Champion
    predictions: str

    @property
    def pinned(self) -> TrainingSet:
        """The definitions that the champion was trained with."""
        return from_json(self.champion.definitions_json)

    @property
    def shape(self) -> Shape:
        """How its inputs are counted."""
        texts = tuple(name for name in self.champion.inputs if name in self.champion.categories)
        return Shape(
            numbers=tuple(name for name in self.champion.inputs if name not in texts), texts=texts
        )


def score_bins(predictions: DataFrame, *, since: date, until: date) -> pd.DataFrame:
    """The tally of the scores, probabilities, actions and versions of the days `[since, until)`."""
    rows = _of_days(predictions, since, until)
    texts = [name for name in (ACTION, MODEL_VERSION) if name in rows.columns]
    shape = Shape(numbers=(SCORE, PROBABILITY), texts=tuple(texts), slices=tuple(texts[:1]))
    chosen = rows.select(F.col(DECIDED_ON).alias(ON_DAY), *shape.columns)
    return tallied(chosen, shape)


def training_bins(training: DataFrame, watched: Watched) -> pd.DataFrame:
    """The tally of the inputs that the champion learnt from; on no particular day."""
    shape = watched.shape
    known = [name for name in shape.columns if name in training.columns]
    rows = training.select(F.lit(date(1970, 1, 1)).alias(ON_DAY), *known)
    kept = Shape(
        numbers=tuple(name for name in shape.numbers if name in known),
        texts=tuple(name for name in shape.texts if name in known),
    )
    return tallied(rows, kept)


def feature_bins(
    inputs: Inputs,
    watched: Watched,
    predictions: DataFrame,
    *,
    since: date,
    until: date,
    sample: int,
) -> pd.DataFrame:
    """The tally of the inputs of sampled decisions, computed again, and of whether scores agree.

    Only decisions that this champion scored; about `sample` of them a day, the same ones each
    time. Column `score computed again` is `=same` or `=differs`: what was written is what these
    inputs give, or not, to the bit.
    """
    pinned, champion = watched.pinned, watched.champion
    spine, ids = pinned.spine, [*pinned.spine.id]
    mine = _of_days(predictions, since, until).where(F.col(MODEL_VERSION) == champion.version)
    written = mine.select(*ids, F.col(SCORE).alias(_WRITTEN))
    number = written.count()
    share = sample * (until - since).days / max(number, 1)
    if share < 1:
        lot = F.pmod(F.xxhash64(F.lit("watch"), *ids), F.lit(1_000_000)) / F.lit(1_000_000)
        written = written.where(lot < share)
    rows = decisions(inputs, spine, start=midnight(since), end=midnight(until))
    timed = rows.where(F.col(spine.decided_at).isNotNull()).join(F.broadcast(written), ids)
    featured = attach_service(timed, pinned.features, spine, inputs, mode=pinned.mode).rows
    carried = (*ids, *champion.inputs, _WRITTEN)
    again = score(featured, champion, id_columns=carried, decided_at=spine.decided_at)
    agree = F.when(F.col(SCORE) == F.col(_WRITTEN), SAME).otherwise(DIFFERS)
    shape = watched.shape
    chosen = again.select(
        F.to_date(spine.decided_at).alias(ON_DAY), *shape.columns, agree.alias(RESCORED)
    )
    texts = (*shape.texts, RESCORED)
    return tallied(chosen, Shape(numbers=shape.numbers, texts=texts))


def outcomes(
    inputs: Inputs,
    spec: ModelSpec,
    predictions: DataFrame,
    *,
    since: date,
    until: date,
    as_of: datetime,
) -> pd.DataFrame:
    """The decisions of the days `[since, until)` and what was known of them at `as_of`.

    Returns:
        One row per decision: `decided_at`, `known_at` (naive, UTC), `score`, `probability`,
        `action` and `loss` where there is a policy, `entity`, `state`, `label` (null where pending
        or censored), and the model's slices as `slice NAME`.
    """
    spine, label = spec.training_set.spine, spec.training_set.label
    rows = decisions(inputs, spine, start=midnight(since), end=midnight(until))
    written = [name for name in (SCORE, PROBABILITY, ACTION) if name in predictions.columns]
    scored = _of_days(predictions, since, until).select(*spine.id, *written)
    joined = rows.where(F.col(spine.decided_at).isNotNull()).join(scored, [*spine.id])
    labelled = labelled_rows(joined, label, spine, inputs, as_of=as_of)
    wanted = [
        F.col(spine.decided_at).alias("decided_at"),
        F.col(label.known_at).alias("known_at"),
        F.col(label.state).alias("state"),
        F.col(label.name).alias("label"),
        F.col(spec.review_entity or spine.id[0]).alias("entity"),
        *written,
        *((F.col(spec.policy.loss).cast("double").alias("loss"),) if spec.policy else ()),
        *(F.col(name).alias(f"slice {name}") for name in slices_of(spec, labelled.columns)),
    ]
    found = labelled.select(*wanted).toArrow().to_pandas()
    for name in ("decided_at", "known_at"):
        found[name] = pd.to_datetime(found[name], utc=True).dt.tz_localize(None)
    return found


def slices_of(spec: ModelSpec, columns: Sequence[str]) -> tuple[str, ...]:
    """The model's slices that decisions themselves carry."""
    return tuple(name for name in spec.slices if name in columns)


def _of_days(predictions: DataFrame, since: date, until: date) -> DataFrame:
    day = F.col(DECIDED_ON)
    return predictions.where((day >= F.lit(since)) & (day < F.lit(until)))


def midnight(day: date) -> datetime:
    """The beginning of a day, UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)

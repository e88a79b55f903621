"""The one object that people hold: definitions, tables and models of one target."""

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from stockade.building.audit import Audit, audit
from stockade.building.explain import Explanation, explain_value
from stockade.building.features import Inputs, attach_service
from stockade.building.materialize import Materialized, Progress, materialize
from stockade.building.rebuild import Rebuilt, Restatement, rebuild, restate
from stockade.building.training_set import (
    Built,
    build,
    decisions,
    labelled_rows,
    labels_over_time,
    read_manifest,
    with_rules,
)
from stockade.building.verify import Verification, verify
from stockade.champion import Champion
from stockade.definitions.fingerprint import (
    from_json,
    require_same,
    service_fingerprints,
)
from stockade.definitions.model import ModelSpec
from stockade.definitions.plan import Plan, plan
from stockade.definitions.registry import Registry
from stockade.definitions.source import Files
from stockade.definitions.spine import TrainingSet
from stockade.definitions.view import FeatureView
from stockade.definitions.wording import meanings
from stockade.engine.faults import spark_faults
from stockade.errors import DataError, DefinitionError, UnknownNameError, hint
from stockade.learning.backtest import Backtest, backtest
from stockade.learning.documents import ModelFile, documents
from stockade.learning.evaluate import Evaluation, evaluate
from stockade.learning.gates import Check, check_gates
from stockade.learning.registry import (
    Promotion,
    VersionHistory,
    history,
    load_model,
    promote,
    rollback,
    withdraw,
)
from stockade.learning.tracking import CHALLENGER, CHAMPION, Destination, ModelNotFoundError
from stockade.learning.train import Pinned, TrainedModel, learning_columns, train
from stockade.learning.tune import Runner, Running
from stockade.scoring.score import PROBABILITY, SCORE, score
from stockade.session import check_session, session
from stockade.store.ingest import ingest
from stockade.store.tables import Tables, Written
from stockade.target import Target

Every = Literal["day", "week", "month"]
_EVERY: Mapping[str, timedelta] = {
    "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)
}  # fmt: skip

# The day of a decision, by which predictions are partitioned.
DECIDED_ON = "decided_on"


def connect(
    *definitions: str,
    target: Target | None = None,
    spark: SparkSession | None = None,
) -> "FeatureStore":
    """Open a feature store.

    Args:
        definitions: modules or packages to load definitions from.
        target: where tables and models live; by default from the environment, else `.stockade/`.
        spark: a session to use; by default the active one, else a local one is started.
    """
    registry = Registry.load(*definitions)
    place = target or Target.from_environment()
    return FeatureStore(registry, place, spark or session(place))


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


class FeatureStore:
    """Definitions, tables and models of one target; made by `connect`."""

    def __init__(self, registry: Registry, target: Target, spark: SparkSession) -> None:
        """Hold what `connect` found."""
        check_session(spark)
        self.registry = registry
        self.target = target
        self.spark = spark
        self.tables = Tables(spark, target)

    def ingest(
        self,
        files: Files,
        table: str,
        *,
        naive_utc: Sequence[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> Written:
        """Load files into a Delta table, types checked; see `stockade.store.ingest`."""
        note = {"run_id": uuid4().hex, "files": files.path}
        with spark_faults():
            return ingest(self.tables, files, table, naive_utc=naive_utc, rename=rename, note=note)

    def plan(self) -> Plan:
        """What materialising the declared views would change."""
        return plan(self.registry.all(FeatureView), self._deployed())

    def materialize(
        self,
        view: str | FeatureView,
        *,
        start: date,
        end: date,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> Materialized:
        """Write a view's snapshots for the days `[start, end)`."""
        found = self.registry.find("view", view) if isinstance(view, str) else view
        if not isinstance(found, FeatureView):
            raise DefinitionError(
                f"view '{view}' looks rows up as they are: there is nothing to materialise"
            )
        with spark_faults():
            return materialize(
                self.tables, found, start=start, end=end, rebuild=rebuild, progress=progress
            )

    def build(
        self,
        training_set: str | TrainingSet | ModelSpec,
        *,
        start: datetime,
        end: datetime,
        as_of: datetime,
    ) -> Built:
        """Write a training set and its manifest."""
        with spark_faults():
            return build(
                self.tables, self._training_set(training_set), start=start, end=end, as_of=as_of
            )

    def rebuild(self, training_set: str, *, into: str | None = None) -> Rebuilt:
        """Make a written training set again from its manifest, and compare it bit for bit."""
        with spark_faults():
            return rebuild(self.tables, training_set, into=into)

    def restate(
        self,
        training_set: str | TrainingSet | ModelSpec,
        *,
        as_of: datetime | None = None,
    ) -> Restatement:
        """What a written training set would be today, and what made the difference."""
        with spark_faults():
            return restate(self.tables, self._training_set(training_set), as_of=as_of)

    def audit(self, training_set: str) -> Audit:
        """Check every row of a written training set for hindsight."""
        return audit(self.tables, training_set)

    def verify(
        self, training_set: str | TrainingSet | ModelSpec, *, sample: int = 500
    ) -> Verification:
        """Compare engine and oracle on sampled decisions of a training set's spine."""
        with spark_faults():
            return verify(self.tables, self._training_set(training_set), sample=sample)

    def explain(
        self, feature: str, *, keys: Mapping[str, object], at: datetime, misses: int = 20
    ) -> Explanation:
        """Why `view.feature` has the value it has for these keys at that moment.

        The parts of the value are checked against engine and reference before they are shown.
        """
        view, dot, name = feature.rpartition(".")
        if not dot:
            raise UnknownNameError(f"feature '{feature}' must read VIEW.FEATURE")
        with spark_faults():
            return explain_value(
                Inputs.of(self.tables), self.registry.view(view), name,
                keys=keys, at=at, misses=misses,
            )  # fmt: skip

    def train(
        self,
        model: str | ModelSpec,
        *,
        trials: int | None = None,
        parallelism: int = 2,
        runner: Runner = "batch",
        progress: Progress | None = None,
    ) -> TrainedModel:
        """Search, fit and register a challenger on the newest build of its training set.

        Args:
            model: what to train.
            trials: how many points to try, instead of the spec's number.
            parallelism: how many at a time.
            runner: `batch` (repeatable, runs everywhere), `spark` (Hyperopt's SparkTrials), or
                `serial`; see `stockade.learning.tune.Running`.
            progress: called with (model, trials ended, trials in all).
        """
        spec = self._model(model)
        name, service = spec.training_set.name, spec.training_set.features
        manifest = self._built(spec)
        columns = learning_columns(spec, service.inputs()).names
        rows = with_rules(self.tables.read(name, version=manifest["version"]), spec)
        rows = rows.select(*columns)
        pinned = Pinned(
            definitions_json=manifest["definition"],
            fingerprints=manifest["fingerprints"],
            inputs=service.inputs(),
            training_table=name,
            training_version=str(manifest["version"]),
            training_place=self.target.place(name),
            content_hash=manifest["content_hash"],
            meanings=meanings(service),
            built_at=datetime.fromisoformat(manifest["as_of"]),
        )
        running = Running(runner=runner, parallelism=parallelism, spark=self.spark)
        return train(
            spec, rows.toArrow(), pinned=pinned, destination=self._destination(spec.name),
            running=running, trials=trials, progress=_of_trials(spec.name, progress),
        )  # fmt: skip

    def backtest(
        self, model: str | ModelSpec, *, since: date, until: date, every: Every = "month"
    ) -> Backtest:
        """Replay a model on its newest training set, trained anew on what was known at each date.

        Args:
            model: which; its champion's parameters are used, or else its challenger's.
            since, until: the decisions that are judged, `[since, until)`; those before `since` are
                learnt from.
            every: how often it is trained: `day`, `week` or `month`.
        """
        spec = self._model(model)
        name = spec.training_set.name
        manifest = self._built(spec)
        first, last = (datetime.fromisoformat(one) for one in manifest["interval"])
        start, end = _midnight(since), _midnight(until)
        if not first < start < end <= last:
            raise DataError(
                f"backtest of '{spec.name}': training set '{name}' holds decisions from {first} to "
                f"{last}: since must lie after its beginning, and until after since and not beyond "
                "its end"
            )
        fitted = self._fitted(spec)
        dates = _dates(start, end, every)
        as_of = datetime.fromisoformat(manifest["as_of"])
        with spark_faults():
            rows, labels = labels_over_time(
                self.tables.read(name, version=manifest["version"]), spec.training_set,
                Inputs.of(self.tables, manifest["inputs"]), dates, as_of=as_of,
            )  # fmt: skip
            columns = learning_columns(spec, spec.training_set.features.inputs())
            table = with_rules(rows, spec).select(*columns.names, *labels).toArrow()
        return backtest(
            spec, table, columns, list(zip(dates, labels, strict=True)),
            end=end, built_at=as_of,
            algorithm=fitted.algorithm, params=fitted.params,
        )  # fmt: skip

    def promote(self, model: str | ModelSpec) -> Promotion:
        """Make the challenger champion, if it passes the gates of its definition."""
        spec = self._model(model)

        def judge(challenger: Champion, champion: int | None) -> Sequence[Check]:
            return check_gates(spec.gates, challenger.judgement, champion=champion)

        return promote(self._destination(spec.name), judge)

    def rollback(self, model: str | ModelSpec) -> Promotion:
        """Give the champion's alias back to the version that had it before."""
        return rollback(self._destination(self._model(model).name))

    def withdraw(self, model: str | ModelSpec) -> int:
        """Take the champion's alias away; the version that had it."""
        return withdraw(self._destination(self._model(model).name))

    def history(self, model: str | ModelSpec) -> tuple[VersionHistory, ...]:
        """Every version of a model, the latest first, and what became of it."""
        return history(self._destination(self._model(model).name))

    def documents(self, model: str | ModelSpec, *, year: int | None = None) -> Mapping[str, str]:
        """File name -> content of the champion's model-risk document and of a year's review.

        Both as Markdown and as one HTML file; see `stockade.learning.documents`.
        """
        spec = self._model(model)
        champion = load_model(self._destination(spec.name))
        manifest = read_manifest(self.tables, champion.training_table)
        same = str(manifest.get("version")) == champion.training_version
        file = ModelFile(
            spec=spec, champion=champion, history=history(self._destination(spec.name)),
            manifest=manifest if same else {}, written_at=datetime.now(UTC),
        )  # fmt: skip
        return documents(file, year=year)

    def score(
        self,
        model: str | ModelSpec,
        *,
        since: date,
        until: date,
        explain: int = 0,
        shadow: bool = False,
    ) -> Scored:
        """Score the decisions of the days `[since, until)` with the champion.

        With `explain`, as many reasons are written beside each score. With `shadow`, it is the
        challenger that scores, into a table of its own that nobody acts on.

        Features come from the definitions that the champion is pinned to, in the mode that it was
        trained with; a declared definition that has changed since is refused by name.
        """
        spec = self._model(model)
        destination = self._destination(spec.name)
        champion = load_model(destination, CHALLENGER if shadow else CHAMPION)
        require_same(
            champion.fingerprints,
            service_fingerprints(spec.training_set.features),
            who=f"model '{champion.name}' version {champion.version}",
            remedy="retrain it, or restore the definition",
        )
        pinned: TrainingSet = from_json(champion.definitions_json)
        table = _predictions(spec) + ("_shadow" if shadow else "")
        rows = self._featured(pinned, since=since, until=until)
        scored = score(
            rows,
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
            written = self.tables.replace_interval(
                table, scored, column=DECIDED_ON, start=since, end=until, note=note
            )
        return Scored(
            table=table, rows=written.rows, model=champion.name,
            version=str(champion.version), written=written,
        )  # fmt: skip

    def evaluate(
        self, model: str | ModelSpec, *, since: date, until: date, as_of: datetime
    ) -> Evaluation:
        """Judge written predictions of the days `[since, until)` by the labels known at `as_of`.

        Decisions whose label is pending or censored are left out.
        """
        spec = self._model(model)
        spine, label = spec.training_set.spine, spec.training_set.label
        inputs = Inputs.of(self.tables)
        rows = decisions(inputs, spine, start=_midnight(since), end=_midnight(until))
        scored = self.tables.read(_predictions(spec)).select(*spine.id, SCORE, PROBABILITY)
        labelled = labelled_rows(
            rows.join(scored, [*spine.id]), label, spine, inputs, as_of=as_of
        ).where(F.col(label.name).isNotNull())
        reviewed = spec.review_entity or spine.id[0]
        table = labelled.select(
            label.name, SCORE, PROBABILITY, spine.decided_at, reviewed
        ).toArrow()
        entities = table.column(reviewed).combine_chunks().dictionary_encode().indices
        return evaluate(
            table.column(label.name).to_numpy(),
            table.column(SCORE).to_numpy(),
            table.column(spine.decided_at).to_numpy(),
            entities=entities.to_numpy(zero_copy_only=False).astype("int64"),
            capacity=spec.review_capacity,
            probabilities=table.column(PROBABILITY).to_numpy(),
        )

    def _featured(self, pinned: TrainingSet, *, since: date, until: date) -> DataFrame:
        inputs = Inputs.of(self.tables)
        rows = decisions(inputs, pinned.spine, start=_midnight(since), end=_midnight(until))
        # A decision without a time belongs to no day.
        timed = rows.where(F.col(pinned.spine.decided_at).isNotNull())
        with spark_faults():
            return attach_service(
                timed, pinned.features, pinned.spine, inputs, mode=pinned.mode
            ).rows

    def _destination(self, model: str) -> Destination:
        return Destination(
            tracking_uri=self.target.tracking_uri,
            registry_uri=self.target.registry_uri,
            experiment=self.target.experiment(model),
            registered_model=self.target.registered_model(model),
        )

    def _built(self, spec: ModelSpec) -> Mapping[str, Any]:
        """The manifest of the model's training set, which must be of today's definitions."""
        name = spec.training_set.name
        manifest = read_manifest(self.tables, name)
        require_same(
            manifest["fingerprints"],
            service_fingerprints(spec.training_set.features),
            who=f"training set '{name}'",
            remedy=f"build it again with `stockade build {name}`",
        )
        return manifest

    def _fitted(self, spec: ModelSpec) -> Champion:
        destination = self._destination(spec.name)
        try:
            return load_model(destination)
        except ModelNotFoundError:
            return load_model(destination, CHALLENGER)

    def _model(self, given: str | ModelSpec) -> ModelSpec:
        return self.registry.model(given) if isinstance(given, str) else given

    def _training_set(self, given: str | TrainingSet | ModelSpec) -> TrainingSet:
        if isinstance(given, ModelSpec):
            return given.training_set
        return self.registry.training_set(given) if isinstance(given, str) else given

    def _deployed(self) -> Mapping[str, FeatureView]:
        """The view that wrote each materialised table."""
        notes = {name: self.tables.last_note(name) or {} for name in self.tables.names()}
        return {
            name: from_json(note["definition"]) for name, note in notes.items() if "view" in note
        }


def _of_trials(
    model: str, progress: Progress | None
) -> Callable[[int, int, float | None], None] | None:
    if progress is None:
        return None
    return lambda ended, total, _best: progress(model, ended, total)


def _predictions(spec: ModelSpec) -> str:
    return f"{spec.name}_predictions"


def _dates(start: datetime, end: datetime, every: Every) -> list[datetime]:
    """Training dates from `start` to before `end`; a month later is the same day, or its last."""
    if every not in _EVERY:
        raise DefinitionError(f"every '{every}' is not one: {hint(every, _EVERY)}")
    dates: list[datetime] = []
    while not dates or dates[-1] < end:
        n = len(dates)
        month = start.month - 1 + n
        year, month = start.year + month // 12, month % 12 + 1
        last = calendar.monthrange(year, month)[1]
        dates.append(
            start.replace(year=year, month=month, day=min(start.day, last))
            if every == "month"
            else start + n * _EVERY[every]
        )
    return dates[:-1]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)

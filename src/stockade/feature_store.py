"""The one object that people hold: definitions, tables and models of one target."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pandas as pd
from pyspark.sql import SparkSession

from stockade.building.audit import Audit, audit
from stockade.building.contracts import ContractState, contract_states
from stockade.building.erase import Erased, erase
from stockade.building.explain import Explanation, explain_value
from stockade.building.features import Inputs
from stockade.building.materialize import Materialized, Progress, materialize
from stockade.building.planning import apply, planned
from stockade.building.rebuild import Rebuilt, Restatement, rebuild, restate
from stockade.building.training_set import Built, build_all
from stockade.building.upkeep import Maintained, TableState, maintain, verify_tables
from stockade.building.verify import Verification, verify
from stockade.building.versions import Version, Versions
from stockade.champion import Champion, predictions_table
from stockade.definitions.model import ModelSpec
from stockade.definitions.plan import Plan
from stockade.definitions.registry import Registry
from stockade.definitions.release import ReleaseStrategy
from stockade.definitions.source import EventSource, Files, Table
from stockade.definitions.spine import TrainingSet
from stockade.definitions.view import FeatureView
from stockade.engine.faults import spark_faults
from stockade.errors import DefinitionError, UnknownNameError
from stockade.learning.backtest import Backtest
from stockade.learning.built import (
    Every,
    backtest_newest,
    documents_of,
    evaluate_predictions,
    leak_newest,
    train_newest,
)
from stockade.learning.evaluate import Evaluation
from stockade.learning.gates import Check, check_gates
from stockade.learning.leak import Leak
from stockade.learning.registry import (
    Promotion,
    VersionHistory,
    history,
    load_model,
    promote,
    rollback,
    withdraw,
)
from stockade.learning.release import Release
from stockade.learning.released import release_figure, work_out
from stockade.learning.tracking import CHALLENGER, CHAMPION, Destination
from stockade.learning.train import TrainedModel
from stockade.learning.tune import Runner, Running
from stockade.reporting.catalog import Site, catalog
from stockade.reporting.facts import gathered
from stockade.reporting.freshness import held
from stockade.reporting.report import report
from stockade.scoring.decision import ExplainedDecision, explain_decision
from stockade.scoring.predictions import Scored, Scoring, write_predictions
from stockade.scoring.recorded import model_of_decision, named_id, recorded_decision
from stockade.session import check_session, session
from stockade.store.ingest import ingest
from stockade.store.tables import Tables, Written
from stockade.target import Target
from stockade.watching.decided import outcomes
from stockade.watching.diagnosis import Diagnosis, diagnosis
from stockade.watching.monitor import Monitored, monitor

T = TypeVar("T")


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
        """Load files into a Delta table, types checked; see `stockade.store.ingest`.

        The contracts of the sources that read the table are held against the files first.
        """
        note = {"run_id": uuid4().hex, "files": files.path}
        own = Table(name=table)
        readers = [one for one in self.registry.all(EventSource) if one.origin == own]
        with spark_faults():
            return ingest(
                self.tables, files, table,
                naive_utc=naive_utc, rename=rename, note=note, sources=readers,
            )  # fmt: skip

    def contracts(self, source: str | None = None) -> tuple[ContractState, ...]:
        """How each source, or one of them, stands by its contract; checks what is new."""
        with spark_faults():
            return tuple(contract_states(self.tables, self.registry.sources(source)))

    def plan(self) -> Plan:
        """How the declared views differ from those that were applied, and what that costs."""
        return planned(self.tables, self.registry)

    def apply(
        self, plan_id: str | None = None, *, keep_until: date | None = None
    ) -> tuple[Plan, tuple[Version, ...]]:
        """Record the declared views as the current ones; see `stockade.building.planning`."""
        return apply(self.tables, self.registry, plan_id=plan_id, keep_until=keep_until)

    def versions(self, view: str) -> tuple[Version, ...]:
        """All that was applied of a view, the latest last."""
        lines = tuple(one for one in Versions.read(self.tables).lines if one.view == view)
        if not lines:
            self.registry.view(view)
        return lines

    def deprecated(self, view: str | None = None) -> tuple[FeatureView, ...]:
        """Replaced versions, of one view or of all, that may still be used: write them, too."""
        today = datetime.now(UTC).date()
        return Versions.read(self.tables).deprecated(today=today, view=view)

    def materialize(
        self,
        view: str | FeatureView,
        *,
        start: date,
        end: date,
        rebuild: bool = False,
        force: bool = False,
        allow_empty: bool = False,
        progress: Progress | None = None,
    ) -> Materialized:
        """Write a view's snapshots for the days `[start, end)`, where they are not done."""
        found = self.registry.find("view", view) if isinstance(view, str) else view
        if not isinstance(found, FeatureView):
            raise DefinitionError(
                f"view '{view}' looks rows up as they are, or is computed at each decision: there "
                "is nothing to materialise"
            )
        with spark_faults():
            return materialize(
                self.tables, found, start=start, end=end, rebuild=rebuild, force=force,
                allow_empty=allow_empty, progress=progress,
            )  # fmt: skip

    def build(
        self,
        training_set: str | TrainingSet | ModelSpec,
        *,
        start: datetime,
        end: datetime,
        as_of: datetime,
    ) -> Built:
        """Write a training set and its manifest."""
        (built,) = self.build_all([training_set], start=start, end=end, as_of=as_of)
        return built

    def build_all(
        self,
        training_sets: Iterable[str | TrainingSet | ModelSpec],
        *,
        start: datetime,
        end: datetime,
        as_of: datetime,
        progress: Callable[[Built], None] | None = None,
    ) -> tuple[Built, ...]:
        """As `build`, one set after the other; small tables are read once for all of them.

        `progress` is called with each set when it is written.
        """
        definitions = [self._training_set(one) for one in training_sets]
        with spark_faults():
            found = build_all(self.tables, definitions, start=start, end=end, as_of=as_of)
            return tuple(_each(found, progress))

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
        """Check every row of a written training set, or of a model's, for hindsight."""
        if not self.tables.exists(training_set):
            training_set = self.registry.training_set(training_set).name
        return audit(self.tables, training_set)

    def verify(
        self, training_set: str | TrainingSet | ModelSpec, *, sample: int = 500
    ) -> Verification:
        """Compare engine and oracle on sampled decisions of a training set's spine."""
        with spark_faults():
            return verify(self.tables, self._training_set(training_set), sample=sample)

    def verify_tables(self) -> tuple[TableState, ...]:
        """Hold every table that the ledger knows against it."""
        return verify_tables(self.tables)

    def maintain(self) -> Maintained:
        """Compact tables, remove files that nothing needs, and hold them against the ledger."""
        return maintain(self.tables)

    def erase(self, entity: str, key: Mapping[str, str]) -> Erased:
        """Take one entity out of every table that is written here; see `building.erase`."""
        predictions = {
            predictions_table(spec.name, shadow=shadow): spec.training_set.spine
            for spec in self.registry.all(ModelSpec)
            for shadow in (False, True)
        }
        with spark_faults():
            return erase(self.tables, self.registry, entity, key, predictions=predictions)

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
        running = Running(runner=runner, parallelism=parallelism, spark=self.spark)
        return train_newest(
            self.tables, spec, destination=self._destination(spec),
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
        return backtest_newest(
            self.tables, spec, destination=self._destination(spec),
            since=since, until=until, every=every,
        )  # fmt: skip

    def leak(self, model: str | ModelSpec, *, ahead: timedelta | None = None) -> Leak:
        """What features that saw `ahead` of each decision would have promised, and then kept.

        Without `ahead` they see as far as the label takes to mature; see `stockade.learning.leak`.
        """
        spec = self._model(model)
        return leak_newest(self.tables, spec, destination=self._destination(spec), ahead=ahead)

    def promote(self, model: str | ModelSpec) -> Promotion:
        """Make the challenger champion, if it passes the gates of its definition."""
        spec = self._model(model)

        def judge(challenger: Champion, champion: int | None) -> Sequence[Check]:
            return check_gates(spec.gates, challenger.judgement, champion=champion)

        return promote(self._destination(spec), judge)

    def rollback(self, model: str | ModelSpec) -> Promotion:
        """Give the champion's alias back to the version that had it before."""
        return rollback(self._destination(model))

    def withdraw(self, model: str | ModelSpec) -> int:
        """Take the champion's alias away; the version that had it."""
        return withdraw(self._destination(model))

    def champion(self, model: str | ModelSpec) -> int | None:
        """The version that scores, if there is one."""
        versions = self.history(model)
        return next((one.version for one in versions if CHAMPION in one.aliases), None)

    def history(self, model: str | ModelSpec) -> tuple[VersionHistory, ...]:
        """Every version of a model, the latest first, and what became of it."""
        return history(self._destination(model))

    def documents(self, model: str | ModelSpec, *, year: int | None = None) -> Mapping[str, str]:
        """File name -> content of the champion's model-risk document and of a year's review.

        Both as Markdown and as one HTML file; see `stockade.learning.documents`.
        """
        spec = self._model(model)
        return documents_of(self.tables, spec, destination=self._destination(spec), year=year)

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
        (scored,) = self.score_all(
            [spec], since=since, until=until, explain=explain, shadow=[spec.name] if shadow else ()
        )
        return scored

    def score_all(
        self,
        models: Iterable[str | ModelSpec],
        *,
        since: date,
        until: date,
        explain: int = 0,
        shadow: Collection[str] = (),
        progress: Callable[[Scored], None] | None = None,
    ) -> tuple[Scored, ...]:
        """As `score`, one model after the other; small tables are read once for all of them.

        In `shadow` are the names of the models whose challenger scores; `progress` is called with
        what was written for each.
        """
        scorings: list[Scoring] = []
        for spec in map(self._model, models):
            apart = spec.name in shadow
            champion = load_model(self._destination(spec), CHALLENGER if apart else CHAMPION)
            scorings.append(Scoring(spec=spec, champion=champion, shadow=apart))
        found = write_predictions(self.tables, scorings, since=since, until=until, explain=explain)
        return tuple(_each(found, progress))

    def evaluate(
        self, model: str | ModelSpec, *, since: date, until: date, as_of: datetime
    ) -> Evaluation:
        """Judge written predictions of the days `[since, until)` by the labels known at `as_of`.

        Decisions whose label is pending or censored are left out.
        """
        return evaluate_predictions(
            self.tables, self._model(model), since=since, until=until, as_of=as_of
        )

    def outcomes(
        self, model: str | ModelSpec, *, since: date, until: date, as_of: datetime
    ) -> pd.DataFrame:
        """The scored decisions of the days `[since, until)`, and what was known of each at `as_of`.

        One row per decision, in memory; for `stockade.analysis`. See `watching.decided.outcomes`.
        """
        spec = self._model(model)
        predictions = self.tables.read(predictions_table(spec.name))
        with spark_faults():
            return outcomes(
                Inputs.of(self.tables), spec, predictions, since=since, until=until, as_of=as_of
            )

    def release(
        self, strategy: str | ReleaseStrategy, *, since: date, until: date, as_of: datetime
    ) -> Release:
        """When to make money available, by the predictions written for `[since, until)`.

        Returns known later than `as_of` are not seen.
        """
        return work_out(
            self.tables, self._strategy(strategy), since=since, until=until, as_of=as_of
        )

    def release_figure(self, strategy: str | ReleaseStrategy, found: Release) -> bytes:
        """What `release` found as a PNG."""
        return release_figure(self._strategy(strategy), found)

    def _strategy(self, given: str | ReleaseStrategy) -> ReleaseStrategy:
        return self.registry.strategy(given) if isinstance(given, str) else given

    def monitor(self, *, since: date, until: date, sample: int = 5_000) -> Monitored:
        """Watch sources, features, scores and outcomes of the days `[since, until)`.

        Writes the `monitor_` tables; the same days again replace what was written.
        """
        with spark_faults():
            return monitor(self.tables, self.registry, since=since, until=until, sample=sample)

    def explain_decision(
        self,
        decision: str | Mapping[str, object],
        *,
        model: str | ModelSpec | None = None,
        day: date | None = None,
        reasons: int = 3,
    ) -> ExplainedDecision:
        """A decision scored again, each reason's value taken apart into events.

        Args:
            decision: its id; column -> value where the spine's id has several columns.
            model: whose decision; by default the one model that has scored it.
            day: when it was made, if known: fewer files are read.
            reasons: how many.

        The version that scored it scores it again; one that was never scored, the champion does.
        """
        if model is None:
            specs = self.registry.all(ModelSpec)
            model = model_of_decision(self.tables, specs, decision, day=day)
        spec = self._model(model)
        found = recorded_decision(self.tables, spec, decision, day=day)
        version = CHAMPION if found is None else found.version
        return explain_decision(
            self.tables, load_model(self._destination(spec), version), named_id(spec, decision),
            day=day if found is None else found.day, reasons=reasons, recorded=found,
        )  # fmt: skip

    def diagnose(self, alert: str) -> Diagnosis:
        """What is on record of an alert of the monitor: its signals and likeliest causes."""
        return diagnosis(self.tables, alert)

    def report(self) -> str:
        """What is on record, for people who read no code: one HTML file; see docs/watching.md."""
        with spark_faults():
            return report(gathered(self.tables, self.registry))

    def catalog(self) -> Site:
        """Every definition with what this target holds of it, as a static site."""
        return catalog(self.registry, held(self.tables, self.registry))

    def _destination(self, model: str | ModelSpec) -> Destination:
        return Destination.of(self.target, self._model(model).name)

    def _model(self, given: str | ModelSpec) -> ModelSpec:
        return self.registry.model(given) if isinstance(given, str) else given

    def _training_set(self, given: str | TrainingSet | ModelSpec) -> TrainingSet:
        if isinstance(given, ModelSpec):
            return given.training_set
        return self.registry.training_set(given) if isinstance(given, str) else given


def _each(found: Iterable[T], progress: Callable[[T], None] | None) -> Iterator[T]:
    for one in found:
        if progress is not None:
            progress(one)
        yield one


def _of_trials(
    model: str, progress: Progress | None
) -> Callable[[int, int, float | None], None] | None:
    if progress is None:
        return None
    return lambda ended, total, _best: progress(model, ended, total)

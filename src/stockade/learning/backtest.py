"""What a model would have been worth, had it been trained again and again on what was known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stockade.decisions import Numbers
from stockade.definitions.model import Algorithm, ModelSpec
from stockade.errors import DataError, DefinitionError
from stockade.learning.data import Columns, LearningData, categories_of, learning_data
from stockade.learning.evaluate import Evaluation, evaluate
from stockade.learning.fits import Fits
from stockade.learning.judgement import Fitted, fit_decisions
from stockade.learning.models import Params
from stockade.learning.quality import outcomes
from stockade.learning.split import Split

RETRAINED, FROZEN, HINDSIGHT = "retrained", "frozen", "hindsight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One training date and the decisions from there to the next.

    Attributes:
        at: when the models of this step are trained (UTC).
        known: decisions with a mature label by then.
        known_positives: those of them that were known to be positive.
        revised: those whose label came out otherwise later: reported after its maturity, or
            taken back.
        rows, positives: decisions of the step that are judged, by the labels known in the end.
        evaluations: model -> how it does; None where the step's decisions are of one class.
        net: dollars that the retrained model's policy saves, less friction; None without a policy.
    """

    at: datetime
    known: int
    known_positives: int
    revised: int
    rows: int
    positives: int
    evaluations: Mapping[str, Evaluation | None]
    net: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A model's past as it would have been lived, step by step.

    `retrained` is fitted anew at each step, on labels as they were known at that moment; `frozen`
    is the first step's and never again; `hindsight` is fitted at each step on every decision
    before it with the labels that are known in the end, which nobody had: what waiting costs.

    Attributes:
        model: its name.
        steps: oldest first.
        pooled: model -> how it does on the decisions of all steps together. Scores of different
            models are compared with each other there, so it may differ from every step's.
        net: the sum over the steps.
    """

    model: str
    steps: tuple[Step, ...]
    pooled: Mapping[str, Evaluation]
    net: float | None


def backtest(
    spec: ModelSpec,
    table: pa.Table,
    columns: Columns,
    known: Sequence[tuple[datetime, str]],
    *,
    end: datetime,
    built_at: datetime,
    algorithm: Algorithm,
    params: Params,
) -> Backtest:
    """Replay a model's past: at each date learn what was known, then decide until the next.

    Calibration and policy of a step come from the last `spec.validation` of what it knew, scored
    by a model that was fitted on what lay before.

    Args:
        spec: what to fit and how to judge.
        table: decisions with inputs and labels; also those before the first date.
        columns: what its columns mean; the label is the one known at `built_at`.
        known: training date -> the column with the label as it was known then, oldest first.
        end: of the last step.
        built_at: the table's build date.
        algorithm, params: what is fitted.

    Raises:
        DataError: at a date nothing was known that could be learnt from.
        DefinitionError: there is no date, or they are out of order.
    """
    dates = [at for at, _ in known]
    if not dates or not all(one < other for one, other in pairwise([*dates, end])):
        raise DefinitionError(
            f"backtest of '{spec.name}': training dates must lie in order before its end {end}"
        )
    columns = replace(columns, categories=categories_of(table, columns))
    maturity = spec.training_set.label.maturity
    moments = table.column(columns.decided_at)
    scores: dict[str, list[Numbers]] = {name: [] for name in (RETRAINED, FROZEN, HINDSIGHT)}
    steps: list[Step] = []
    frozen = None
    for (at, label), until in zip(known, [*dates[1:], end], strict=True):
        before = table.filter(pc.less(moments, _scalar(at, moments.type)))
        then = replace(columns, label=label, state=None)
        # Of each date's own: nobody asks again for those of another.
        fits = Fits()
        learnt = _learnt(spec, before, then, at=at, maturity=maturity)
        model = fits(spec, params, algorithm, learnt)
        frozen = frozen or model
        final = learning_data(before, columns, built_at=built_at)
        truth = fits(spec, params, algorithm, final)
        test = _between(table, columns, at, until, built_at=built_at, maturity=maturity)
        of_step = {
            name: one.predict(test.rows)
            for name, one in ((RETRAINED, model), (FROZEN, frozen), (HINDSIGHT, truth))
        }
        for name, one in of_step.items():
            scores[name].append(one)
        fitted = fit_decisions(
            spec, algorithm, params, learnt, [_fold(spec, learnt, at=at)], fits=fits
        )
        probabilities = {RETRAINED: fitted.calibration(of_step[RETRAINED])}
        steps.append(
            Step(
                at=at,
                known=len(learnt),
                known_positives=learnt.positives,
                revised=_revised(before, columns.label, label),
                rows=len(test),
                positives=test.positives,
                evaluations={
                    name: _evaluated(spec, test, one, probabilities.get(name))
                    for name, one in of_step.items()
                },
                net=_net(test, fitted, probabilities[RETRAINED]),
            )
        )
    whole = _between(table, columns, dates[0], end, built_at=built_at, maturity=maturity)
    pooled = {
        name: evaluate(
            whole.labels, np.concatenate(parts), whole.decided_at,
            entities=whole.entities, capacity=spec.review_capacity, weights=whole.weights,
        )
        for name, parts in scores.items()
    }  # fmt: skip
    nets = [step.net for step in steps if step.net is not None]
    return Backtest(
        model=spec.name, steps=tuple(steps), pooled=pooled, net=sum(nets) if nets else None
    )


def _scalar(at: datetime, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(at.astimezone(UTC), pa.timestamp("us", tz="UTC")).cast(kind)


def _learnt(
    spec: ModelSpec, before: pa.Table, columns: Columns, *, at: datetime, maturity: timedelta
) -> LearningData:
    learnt = learning_data(before, columns, maturity=maturity, built_at=at)
    if learnt.positives in (0, len(learnt)):
        raise DataError(
            f"backtest of '{spec.name}': at {at:%Y-%m-%d} {learnt.positives} of {len(learnt)} "
            "mature decisions were positive, and both classes are needed: begin later, or build "
            "the training set from an earlier start"
        )
    return learnt


def _between(
    table: pa.Table,
    columns: Columns,
    start: datetime,
    end: datetime,
    *,
    built_at: datetime,
    maturity: timedelta,
) -> LearningData:
    moments = table.column(columns.decided_at)
    inside = pc.and_(
        pc.greater_equal(moments, _scalar(start, moments.type)),
        pc.less(moments, _scalar(end, moments.type)),
    )
    return learning_data(table.filter(inside), columns, maturity=maturity, built_at=built_at)


def _fold(spec: ModelSpec, learnt: LearningData, *, at: datetime) -> Split:
    """The last validation period of what was known, and what was known when that began."""
    maturity = spec.training_set.label.maturity
    edge = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us") - np.timedelta64(
        maturity, "us"
    )
    begins = edge - np.timedelta64(spec.validation, "us")
    low = int(np.searchsorted(learnt.decided_at, begins))
    train = int(np.searchsorted(learnt.decided_at, begins - np.timedelta64(maturity, "us")))
    for side, rows in (("before", slice(0, train)), ("in", slice(low, len(learnt)))):
        positives = int(learnt.labels[rows].sum())
        if positives in (0, rows.stop - rows.start):
            raise DataError(
                f"backtest of '{spec.name}': at {at:%Y-%m-%d} the decisions {side} the last "
                f"validation period were of one class: begin later, or build the training set "
                "from an earlier start"
            )
    return Split(train=slice(0, train), validation=slice(low, len(learnt)))


def _revised(before: pa.Table, final: str, then: str) -> int:
    one, other = (pc.cast(before.column(name), pa.bool_()) for name in (final, then))
    return before.filter(pc.not_equal(one, other)).num_rows


def _evaluated(
    spec: ModelSpec, test: LearningData, scores: Numbers, probabilities: Numbers | None
) -> Evaluation | None:
    if test.positives in (0, len(test)):
        return None
    return evaluate(
        test.labels, scores, test.decided_at,
        entities=test.entities, capacity=spec.review_capacity, probabilities=probabilities,
        weights=test.weights,
    )  # fmt: skip


def _net(test: LearningData, fitted: Fitted, probabilities: Numbers) -> float | None:
    if fitted.rule is None or test.losses is None:
        return None
    actions = fitted.rule.due(probabilities, test.losses)
    return sum(line.net for line in outcomes(test, fitted.rule, actions))

"""A release strategy worked out on written predictions and the returns known by a date."""

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from stockade.building.features import Inputs
from stockade.building.training_set import decisions, labelled_rows
from stockade.champion import PROBABILITY, input_matrix, predictions_table
from stockade.definitions.release import ReleaseStrategy
from stockade.definitions.spine import Label, Spine
from stockade.engine.faults import spark_faults
from stockade.errors import EmptyTableError
from stockade.learning.built import midnight
from stockade.learning.data import are_censored, instants_of
from stockade.learning.release import (
    Approval,
    CohortRate,
    Payments,
    Release,
    Reports,
    approvals,
    bands,
    cohorts,
    known_after,
)
from stockade.store.tables import Tables

# Older cohorts tell nothing of today's payments.
_LOOK_BACK = timedelta(days=366)
_COLOURS = ("#1f4e79", "#c9762b", "#5b8c5a", "#8c5b83")


def work_out(
    tables: Tables, strategy: ReleaseStrategy, *, since: date, until: date, as_of: datetime
) -> Release:
    """The strategy for the payments of `[since, until)` by what was known at `as_of`.

    Raises:
        TableNotFoundError: a model has no predictions yet.
        EmptyTableError: no payment of these days was scored by all of the models.
    """
    spine = strategy.models[0].training_set.spine
    inputs = Inputs.of(tables)
    with spark_faults():
        scored = decisions(inputs, spine, start=midnight(since), end=midnight(until))
        for model in strategy.models:
            theirs = tables.read(predictions_table(model.name)).select(
                *spine.id, F.col(PROBABILITY).alias(f"{model.name}__probability")
            )
            scored = scored.join(theirs, [*spine.id])
        labels = {model.name: model.training_set.label for model in strategy.models}
        labels |= {level.name: level.label for level in strategy.levels}
        table = _labelled(scored, [*labels.values()], spine, inputs, as_of)
        if not table.num_rows:
            raise EmptyTableError(
                f"strategy '{strategy.name}': no payment from {since} to {until} was scored by "
                f"all of {sorted(model.name for model in strategy.models)}: `stockade score` them"
            )
    payments = Payments(
        amounts=_numbers(table, strategy.amount),
        risks={
            model.name: _numbers(table, f"{model.name}__probability") for model in strategy.models
        },
        reports={
            model.name: _reports(table, model.training_set.label, spine, as_of)
            for model in strategy.models
        },
    )
    levels = {level.name: _reports(table, level.label, spine, as_of) for level in strategy.levels}
    found, totals = bands(strategy, payments)
    mature = np.all([one.mature for one in payments.reports.values()], axis=0)
    return Release(
        strategy=strategy.name,
        since=str(since),
        until=str(until),
        as_of=as_of.astimezone(UTC).isoformat(),
        payments=table.num_rows,
        mature=int(mature.sum()),
        bands=found,
        totals=totals,
        approvals=approvals(payments, levels) if levels else (),
        cohorts=rates_by_cohort(tables, strategy, as_of=as_of),
        delays=known_after(payments.reports),
    )


def rates_by_cohort(
    tables: Tables, strategy: ReleaseStrategy, *, as_of: datetime
) -> list[CohortRate]:
    """The levels over the last year, cohort by cohort, by what was known at `as_of`; see `cohorts`.

    Needs no predictions: payments and what came back are enough.

    Raises:
        TableNotFoundError: the payments or their returns are not there.
    """
    spine, inputs = strategy.models[0].training_set.spine, Inputs.of(tables)
    with spark_faults():
        past = decisions(inputs, spine, start=as_of - _LOOK_BACK, end=as_of)
        whole = _labelled(past, [level.label for level in strategy.levels], spine, inputs, as_of)
    reports = {level.name: _reports(whole, level.label, spine, as_of) for level in strategy.levels}
    return cohorts(strategy, instants_of(whole, spine.decided_at), reports)


def newest_payment(tables: Tables, strategy: ReleaseStrategy) -> datetime | None:
    """When the newest payment that a strategy is about was made; None where there is none."""
    spine = strategy.models[0].training_set.spine
    moment = F.col(spine.decided_at)
    with spark_faults():
        found = decisions(Inputs.of(tables), spine).agg(F.max(F.unix_micros(moment))).first()
    if found is None or found[0] is None:
        return None
    return datetime.fromtimestamp(found[0] / 1e6, UTC)


def release_figure(strategy: ReleaseStrategy, found: Release) -> bytes:
    """A PNG: the rate of returns against the share approved, and each level by cohort."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for level, colour in zip(strategy.levels, _COLOURS * 9, strict=False):
        _curve(left, level.name, level.rate, colour, found.approvals)
        _dots(right, level.name, level.rate, colour, found.cohorts)
    left.set_xlabel("approved, the least risky first (%)")
    left.set_ylabel("come back in the end (%)")
    right.set_xlabel("last day of a cohort of payments")
    right.set_ylabel("completed estimate, 90 % interval (%)")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_ylim(bottom=0)
    left.legend(frameon=False)
    right.tick_params(axis="x", rotation=30)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _curve(axes: Axes, name: str, level: float, colour: str, points: Sequence[Approval]) -> None:
    rates = [100 * point.rates[name] for point in points]
    shares = [100 * point.approved for point in points]
    axes.plot(shares, rates, "o-", color=colour, label=f"{name}; dotted: at most {level:.1%}")
    axes.axhline(100 * level, color=colour, linestyle=":", linewidth=1)


def _dots(axes: Axes, name: str, level: float, colour: str, lines: Sequence[CohortRate]) -> None:
    own = [one for one in reversed(lines) if one.level == name and one.completed is not None]
    middle = np.array([100 * (one.completed or 0) for one in own])
    low = np.array([100 * (one.low or 0) for one in own])
    high = np.array([100 * (one.high or 0) for one in own])
    axes.errorbar(
        [one.last for one in own], middle, yerr=[middle - low, high - middle], fmt="o",
        color=colour, capsize=3, label=name,
    )  # fmt: skip
    axes.axhline(100 * level, color=colour, linestyle=":", linewidth=1)


def _labelled(
    rows: DataFrame, labels: Sequence[Label], spine: Spine, inputs: Inputs, as_of: datetime
) -> pa.Table:
    for label in {label.name: label for label in labels}.values():
        rows = labelled_rows(rows, label, spine, inputs, as_of=as_of)
    return rows.toArrow()


def _reports(table: pa.Table, label: Label, spine: Spine, as_of: datetime) -> Reports:
    decided = instants_of(table, spine.decided_at)
    known = instants_of(table, label.known_at, nulls=True)
    moment = np.datetime64(as_of.astimezone(UTC).replace(tzinfo=None), "us")
    values = table.column(label.name).to_pandas()
    positive = (values == True).to_numpy(dtype=bool, na_value=False)  # noqa: E712 -- null is neither
    delay = np.where(positive, (known - decided).astype(np.int64), -1)
    return Reports(
        age=(moment - decided).astype(np.int64),
        delay=delay,
        is_censored=are_censored(table, label.state),
        maturity=label.maturity,
    )


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return input_matrix(table, (name,), who="strategy")[:, 0].astype(np.float64)

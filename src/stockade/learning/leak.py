"""What hindsight would have bought: a model whose features saw beyond the decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from stockade.definitions.model import Algorithm, ModelSpec
from stockade.learning.data import Columns, LearningData, categories_of, learning_data
from stockade.learning.evaluate import Evaluation
from stockade.learning.models import Params, fit_spec
from stockade.learning.quality import evaluate_rows
from stockade.learning.split import walk_forward

# A column of the features that have seen more.
LATE = "__late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The same model, learnt and judged with and without hindsight, on the same test period.

    Attributes:
        model: its name.
        ahead: how far beyond the decision the leaking features saw.
        honest: learnt and judged on features as of each decision.
        promised: learnt and judged on features that leak: what a report would have said.
        kept: learnt on features that leak, judged on those as of the decision: what would have
            come of it in use.
        changed: input -> share of the test period's rows in which the leak changes it; the largest
            first, without those that it leaves alone.
    """

    model: str
    ahead: timedelta
    honest: Evaluation
    promised: Evaluation
    kept: Evaluation
    changed: Mapping[str, float]


def leak(
    spec: ModelSpec,
    table: pa.Table,
    columns: Columns,
    *,
    ahead: timedelta,
    built_at: datetime,
    algorithm: Algorithm,
    params: Params,
) -> Leak:
    """Fit twice on what was known when the test period began, and judge three times.

    Args:
        spec: what to fit and how to judge.
        table: the training set; beside each input `name` stands `name__late`, the same with
            features computed `ahead` of the decision.
        columns: what its columns mean.
        ahead: how far.
        built_at: the table's build date.
        algorithm, params: what is fitted.
    """
    columns = replace(columns, categories=categories_of(table, columns))
    label = spec.training_set.label
    on_time = learning_data(table, columns, maturity=label.maturity, built_at=built_at)
    late = learning_data(
        _with_late_inputs(table, columns), columns, maturity=label.maturity, built_at=built_at
    )
    test = walk_forward(
        on_time, validation=spec.validation, folds=spec.folds, test=spec.test, gap=label.maturity
    ).test
    honest, leaking = (
        fit_spec(spec, params, algorithm, rows.take(test.train)) for rows in (on_time, late)
    )
    seen, ahead_of = on_time.take(test.validation), late.take(test.validation)
    return Leak(
        model=spec.name,
        ahead=ahead,
        honest=evaluate_rows(spec, seen, honest.predict(seen.rows), None),
        promised=evaluate_rows(spec, ahead_of, leaking.predict(ahead_of.rows), None),
        kept=evaluate_rows(spec, seen, leaking.predict(seen.rows), None),
        changed=_changed(seen, ahead_of),
    )


def _with_late_inputs(table: pa.Table, columns: Columns) -> pa.Table:
    for name in columns.inputs:
        late = table.column(f"{name}{LATE}")
        table = table.set_column(table.column_names.index(name), name, late)
    return table


def _changed(one: LearningData, other: LearningData) -> Mapping[str, float]:
    differs = (one.rows != other.rows) & ~(np.isnan(one.rows) & np.isnan(other.rows))
    shares = {
        name: float(share) for name, share in zip(one.inputs, differs.mean(axis=0), strict=True)
    }
    return dict(sorted(((k, v) for k, v in shares.items() if v), key=lambda item: -item[1]))

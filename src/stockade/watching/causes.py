"""What moved a measure: hypotheses undone one by one, ranked by how much of the alarm goes away."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stockade.watching.causes_of_models import of_definition, of_model
from stockade.watching.causes_of_shape import of_schema
from stockade.watching.causes_of_sources import of_source
from stockade.watching.hypothesis import Hypothesis
from stockade.watching.judge import Alert, Signal
from stockade.watching.past import FEATURE, OUTCOME, SCORES, SOURCE, Past
from stockade.watching.today import Today

# Of an alarm, what must go away for a hypothesis to be worth telling.
_WORTH = 0.15
_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A hypothesis and what speaks for it.

    Attributes:
        kind: such as `unit change` or `late partition`.
        subject: of which source, view or model.
        column, slice: where, if so.
        since: the first day of the alert.
        explained: the share of the alarm that goes away with it, 0 to 1.
        text: what is thought to have happened.
        counterfactual: what the measures would be without it.
    """

    kind: str
    subject: str
    column: str = ""
    slice: str = ""
    since: str = ""
    explained: float
    text: str
    counterfactual: str = ""

    def document(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


def diagnosed(alert: Alert, past: Past, states: pd.DataFrame) -> tuple[Cause, ...]:
    """Causes of an alert's signals, the one that explains most of them first.

    Each hypothesis is undone in the day's counts: copies dropped, values divided by a factor,
    nulls or a category left out, hours turned back, slices weighted as before. What the alarms
    would have been then says how much of them it explains; the mean over the alert's most
    upstream signals, weighted by how far off they are, ranks it.
    """
    signals = _most_upstream(alert)
    if not signals:
        return ()
    hypotheses = [
        one
        for subject in dict.fromkeys(signal.found.subject for signal in signals)
        for one in _hypotheses(subject, alert, past, states)
    ]
    found: list[tuple[float, Cause]] = []
    weights = np.array([min(signal.weight, 10.0) for signal in signals])
    for one in hypotheses:
        results = [one.undone(signal) for signal in signals]
        explained = float((weights * [share for share, _ in results]).sum() / weights.sum())
        if explained < _WORTH:
            continue
        said = [text for share, text in results if text and share > _WORTH]
        cause = Cause(
            kind=one.kind, subject=one.subject, column=one.column, slice=one.slice,
            since=str(alert.first_day), explained=round(explained, 3), text=one.text,
            counterfactual="; ".join(said[:3]),
        )  # fmt: skip
        found.append((explained - one.cost, cause))
    ranked = sorted(found, key=lambda pair: -pair[0])
    return tuple(cause for _, cause in ranked[:_SHOWN])


def _most_upstream(alert: Alert) -> list[Signal]:
    for layers in ((SOURCE,), (FEATURE, SCORES, OUTCOME)):
        found = [one for one in alert.signals if one.found.layer in layers]
        if found:
            return found
    return []


def _hypotheses(
    subject: str, alert: Alert, past: Past, states: pd.DataFrame
) -> Iterator[Hypothesis]:
    layer = _most_upstream(alert)[0].found.layer
    if layer == SOURCE:
        today = Today(past, subject, alert)
        yield from of_schema(today, states)
        yield from of_source(today)
        return
    yield from of_definition(alert, states)
    yield from of_model(subject, alert, past)

"""A model card's figures as PNG files."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stockade.learning.judgement import Judgement

_INK, _PALE, _GRID = "#1f4e79", "#c9762b", "#d9d9d9"


def card_figures(judgement: Judgement) -> Mapping[str, bytes]:
    """Caption -> PNG: reliability, gains, learning curve, and the test period by day."""
    return {
        "Reliability: of decisions with a probability of x, a share of y turned out positive": _png(
            _reliability(judgement)
        ),
        "Gains: how many positives are found when the highest scores are reviewed": _png(
            _gains(judgement)
        ),
        "Learning curve: the test period, when only the latest decisions are learnt from": _png(
            _learning(judgement)
        ),
        "The test period day by day: positives expected and observed": _png(_by_day(judgement)),
        "Stability: how well each day is ranked, where it has enough positives": _png(
            _stability(judgement)
        ),
    }


def _reliability(judgement: Judgement) -> Figure:
    figure, axes = _axes("mean probability", "share of positives")
    means, shares, _ = zip(*judgement.reliability, strict=True)
    low = max(min(*means, *(share for share in shares if share > 0)) / 2, 1e-6)
    axes.plot([low, 1], [low, 1], color=_GRID, label="as it should be")
    axes.plot(means, [max(share, low) for share in shares], "o-", color=_INK, label="test period")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(frameon=False)
    return figure


def _gains(judgement: Judgement) -> Figure:
    figure, axes = _axes("share of decisions reviewed (%)", "share found (%)")
    reviewed, found, amounts = (
        [100 * value for value in column] for column in zip(*judgement.gains, strict=True)
    )
    axes.plot(reviewed, found, color=_INK, label="of positives")
    if judgement.outcomes:
        axes.plot(reviewed, amounts, "--", color=_PALE, label="of their amounts")
    axes.set_xscale("symlog", linthresh=0.1)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    axes.set_ylim(0, 101)
    axes.legend(frameon=False)
    return figure


def _learning(judgement: Judgement) -> Figure:
    figure, axes = _axes("decisions learnt from", judgement.metric.replace("_", " "))
    rows = [point.rows for point in judgement.learning]
    axes.plot(
        rows, [getattr(point.evaluation, judgement.metric) for point in judgement.learning],
        "o-", color=_INK,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(rows, [f"{n:,}" for n in rows])
    axes.minorticks_off()
    return figure


def _by_day(judgement: Judgement) -> Figure:
    figure, axes = _axes("", "positives")
    # Days as dates, so that a long period's ticks thin out by themselves.
    days = np.array([day.day for day in judgement.days], "datetime64[D]")
    axes.plot(days, [day.expected for day in judgement.days], "o--", color=_PALE, label="expected")
    axes.plot(days, [day.positives for day in judgement.days], "o-", color=_INK, label="observed")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.autofmt_xdate(rotation=30)
    return figure


def _stability(judgement: Judgement) -> Figure:
    figure, axes = _axes("", "ROC AUC")
    told = [(day.day, day.roc_auc) for day in judgement.days if day.roc_auc is not None]
    days = np.array([day for day, _ in told], "datetime64[D]")
    whole = judgement.evaluation.roc_auc
    axes.axhline(whole, color=_PALE, linestyle="--", label="the whole period")
    axes.plot(days, [value for _, value in told], "o-", color=_INK, label="each day")
    axes.set_ylim(min([0.5, whole, *(value for _, value in told)]), 1)
    axes.legend(frameon=False)
    figure.autofmt_xdate(rotation=30)
    return figure


def _axes(x: str, y: str):  # noqa: ANN202 -- matplotlib's own types
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID, linewidth=0.5)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()

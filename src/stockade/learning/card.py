"""A model card: what a model is for, what it was made of, how good it is, and where it is not.

After Mitchell et al. 2019, with what supervisors ask of a model's documentation (SR 11-7 and its
successor): purpose, data, tests, limits, ownership.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stockade.definitions.model import Metric, ModelSpec
from stockade.definitions.spine import Label
from stockade.definitions.window import in_words
from stockade.learning.judgement import Judgement
from stockade.learning.markdown import bullets, table
from stockade.learning.quality import LEAST_POSITIVES, SliceQuality
from stockade.learning.recent import TREATMENTS

_METRICS = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "precision_at_capacity": "precision at capacity",
    "recall_at_capacity": "recall at capacity",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
_TOP = 15
_INK, _PALE, _GRID = "#1f4e79", "#c9762b", "#d9d9d9"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card tells beside the judgement.

    Attributes:
        spec: the model's definition.
        algorithm, params: of the winner.
        training: table and version that it learnt from, and which of its rows.
        left_out: reason -> rows of the training set that were not used.
        fingerprints: feature -> fingerprint.
        meanings: input -> what it means.
        trials: how many points were tried, and how many failed or were stopped.
    """

    spec: ModelSpec
    algorithm: str
    params: Mapping[str, object]
    training: str
    left_out: Mapping[str, int]
    fingerprints: Mapping[str, str]
    meanings: Mapping[str, str]
    trials: tuple[int, int, int]


def card_markdown(facts: CardFacts, judgement: Judgement) -> str:
    """The card as Markdown; it names no decision, no customer and no value of theirs."""
    spec, judged = facts.spec, judgement.evaluation
    label = spec.training_set.label
    parts = [
        f"# Model card: {spec.name}",
        spec.description or "_No description: add one to the model's definition._",
        table(
            ("", ""),
            [
                ("owner", spec.owner or "_none: name one in the definition_"),
                ("decides about", f"{spec.training_set.spine.name}: {_sentence(spec)}"),
                ("predicts", _horizon(label)),
                ("algorithm", f"{facts.algorithm}, best of {facts.trials[0]} trials "
                              f"({facts.trials[1]} failed, {facts.trials[2]} stopped early)"),
                ("learnt from", facts.training),
                ("left out", ", ".join(f"{n:,} {why}" for why, n in facts.left_out.items())),
            ],
        ),
        "## How good it is",
        f"Judged on {judgement.first} to {judgement.last}: {judged.rows:,} decisions, "
        f"{judged.positives:,} of them positive. The model was fitted on what was known when that "
        "period began, and neither its parameters nor its calibration were chosen by it. "
        "Intervals hold 90 % and come from drawing days and entities anew.",
        table(
            ("metric", "model", "90 % interval", "logistic baseline"),
            [
                (
                    words + (f" ({judged.capacity} a day)" if "capacity" in name else ""),
                    f"{getattr(judged, name):.4f}",
                    _interval(judgement, name),
                    f"{getattr(judgement.baseline, name):.4f}",
                )
                for name, words in _METRICS.items()
            ],
        ),
        *_rules(spec.metric, judgement),
        "## Does a probability mean what it says?",
        f"Calibration: {judgement.calibration}, chosen on validation periods. The calibration "
        f"error on the test period is {judged.calibration_error:.4f}; of the bare scores it is "
        f"{judgement.uncalibrated_error:.4f}.",
        *_money(judgement),
        "## For whom it holds",
        "A slice with fewer than "
        f"{LEAST_POSITIVES} positives has no ranking metric: it would be chance. False alarms are "
        "the share of honest decisions that are acted on: where they differ, customers are "
        "burdened unequally.",
        table(
            ("slice", "decisions", "positives", "expected", "observed", "average precision",
             "ROC AUC", "found", "false alarms"),
            [_slice(line) for line in judgement.slices],
        ),
        *_without_label(facts, judgement),
        "## What it goes by",
        table(
            ("feature", "weight", "meaning", "fingerprint"),
            [
                (f"`{name}`", f"{weight:.3f}", facts.meanings.get(name, ""),
                 _code(facts.fingerprints.get(name, "")))
                for name, weight in list(judgement.importance.items())[:_TOP]
            ],
        ),
        f"Weight: mean absolute contribution to the log odds. {len(judgement.importance)} features "
        "in all." if len(judgement.importance) > _TOP else
        "Weight: mean absolute contribution to the log odds.",
        "## Limits",
        bullets(_limits(facts, judgement)),
        "## How it was made",
        table(("parameter", "value"), [(f"`{k}`", v) for k, v in sorted(facts.params.items())]),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def card_figures(judgement: Judgement) -> Mapping[str, bytes]:
    """Caption -> PNG: reliability, gains, the learning curve, and the test period day by day."""
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


def _rules(metric: Metric, judgement: Judgement) -> list[str]:
    rules = judgement.rules
    if rules is None:
        return []
    words, gain = _METRICS[metric], rules.difference
    lead = (
        "too few positives to say by how much they differ"
        if gain is None
        else f"the model is better by {gain.mean:.4f} ({gain.low:.4f} to {gain.high:.4f})"
    )
    return [
        f"The rules that would do without it, `{rules.expression}`, reach {words} "
        f"{rules.evaluation.metric(metric):.4f} on the same period: {lead}."
    ]


def _money(judgement: Judgement) -> list[str]:
    if not judgement.outcomes:
        return []
    net = sum(line.net for line in judgement.outcomes)
    return [
        "## What its decisions are worth",
        f"On the test period the policy is worth {net:,.0f} more than letting everything pass, in "
        "the currency of the amounts, if its costs are right. Lots (passing through, exploring) "
        "are left out.",
        table(
            ("action", "decisions", "positives", "at risk", "prevented", "cost", "friction", "net"),
            [
                (line.action, f"{line.decisions:,}", f"{line.positives:,}", f"{line.at_risk:,.0f}",
                 f"{line.prevented:,.0f}", f"{line.cost:,.0f}", f"{line.friction:,.0f}",
                 f"{line.net:,.0f}")
                for line in judgement.outcomes
            ],
        ),
    ]  # fmt: skip


def _without_label(facts: CardFacts, judgement: Judgement) -> list[str]:
    parts: list[str] = []
    if judgement.unlabelled:
        parts += [
            "## Decisions without a label",
            f"This model: young decisions are {TREATMENTS[facts.spec.recent]}, censored ones left "
            "out. Had it been otherwise, with the same parameters and on the same test period (the "
            "number is of the decisions added to the mature ones or, to judge as if all were one "
            "or the other, to the test period):",
            table(
                ("what is done with them", "decisions", "average precision", "ROC AUC",
                 "calibration error of the bare scores"),
                [
                    (line.name, f"{line.rows:,}", f"{line.evaluation.average_precision:.4f}",
                     f"{line.evaluation.roc_auc:.4f}", f"{line.evaluation.calibration_error:.4f}")
                    for line in judgement.unlabelled
                ],
            ),
        ]  # fmt: skip
    if judgement.cohorts:
        parts += [
            "On the build date the youngest days stood so (with 90 % confidence):",
            table(
                ("day", "decisions", "reported", "of all that will be", "positives to be expected"),
                [
                    (
                        line.day, f"{line.rows:,}", f"{line.reported:,}", f"{line.share:.0%}",
                        "-" if line.expected is None else
                        f"{line.expected:,.0f} ({line.low:,.0f} to {line.high:,.0f})",
                    )
                    for line in judgement.cohorts
                ],
            ),
        ]  # fmt: skip
    return parts


def _limits(facts: CardFacts, judgement: Judgement) -> Iterable[str]:
    label = facts.spec.training_set.label
    yield (
        f"It knows what was reported by the build date. Decisions younger than "
        f"{in_words(label.maturity)} are not in it."
    )
    if facts.left_out.get("censored"):
        yield (
            "Decisions whose outcome was cut off (blocked) are left out, so it says little of "
            "decisions like these."
            if facts.spec.propensity is None
            else "Decisions whose outcome was cut off (blocked) are stood for by the few that were "
            "let through by lot, each counting as often as its chance was small."
        )
    first = date.fromisoformat(judgement.first)
    length = (date.fromisoformat(judgement.last) - first).days + 1
    yield f"It was judged on {length} days. What is being fought changes."
    worst = [line for line in judgement.slices[1:] if line.roc_auc is not None]
    if worst:
        weakest = min(worst, key=lambda line: line.roc_auc or 0)
        yield (
            f"It ranks worst where {weakest.column} is {weakest.value} "
            f"(ROC AUC {weakest.roc_auc:.3f}, all {judgement.evaluation.roc_auc:.3f})."
        )
    best = judgement.baseline.metric(facts.spec.metric)
    interval = judgement.intervals.get(facts.spec.metric)
    if interval is not None and interval.low <= best:
        yield "Its lead over the logistic baseline is within the interval: it may be chance."


def _slice(line: SliceQuality) -> tuple[str, ...]:
    name = f"{line.column}: {line.value}" if line.column else line.value
    return (
        name, f"{line.rows:,}", f"{line.positives:,}", f"{line.expected:.4f}",
        f"{line.observed:.4f}", _or_dash(line.average_precision), _or_dash(line.roc_auc),
        _or_dash(line.found), _or_dash(line.false_alarms),
    )  # fmt: skip


def _interval(judgement: Judgement, name: str) -> str:
    found = judgement.intervals.get(name)
    return "-" if found is None else f"{found.low:.4f} to {found.high:.4f}"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _sentence(spec: ModelSpec) -> str:
    reviewed = spec.review_entity or "decision"
    return f"{spec.review_capacity} reviews a day, each of one `{reviewed}`"


def _horizon(label: Label) -> str:
    within = f"within {in_words(label.horizon)}, " if label.horizon else ""
    return f"{label.name}: {within}reported within {in_words(label.reporting_delay)}" + (
        " more" if within else ""
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else ""

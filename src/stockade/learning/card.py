"""A model card: what a model is for, what it was made of, how good it is, and where it is not.

After Mitchell et al. 2019, with what supervisors ask of a model's documentation (SR 11-7 and its
successor): purpose, data, tests, limits, ownership.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

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
# With fewer honest decisions a share of false alarms is chance.
_LEAST_HONEST = 100


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
        *_ranking(judgement),
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
        *_equality(judgement),
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


def _ranking(judgement: Judgement) -> list[str]:
    """Lift, the spread over days, and whose decision would change."""
    lifts = ", ".join(f"{times:.1f} times at {share:.1%}" for share, times in judgement.lift)
    daily = [day.roc_auc for day in judgement.days if day.roc_auc is not None]
    steady = (
        f" By day, ROC AUC lies between {min(daily):.3f} and {max(daily):.3f} "
        f"({len(daily)} of {len(judgement.days)} days have enough positives to tell)."
        if daily
        else ""
    )
    said = [f"Lift, by the share that is reviewed: {lifts}.{steady}"]
    if judgement.rival is None:
        return said
    swaps, gain = judgement.rival.swaps, judgement.rival.difference
    return [
        *said,
        f"Against the champion, version {judgement.rival.version}, it differs by {gain.mean:+.4f} "
        f"({gain.low:+.4f} to {gain.high:+.4f}) on the same period. Whose decision changes:",
        table(
            ("acted on by", "decisions", "positives"),
            [
                ("both", f"{swaps.both:,}", f"{swaps.both_positives:,}"),
                ("this version only", f"{swaps.gained:,}", f"{swaps.gained_positives:,}"),
                ("the champion only", f"{swaps.lost:,}", f"{swaps.lost_positives:,}"),
            ],
        ),
    ]


def _equality(judgement: Judgement) -> list[str]:
    """Per sliced column how far apart its values are: who is burdened, and who is protected."""
    rows: list[tuple[str, ...]] = []
    for column in dict.fromkeys(line.column for line in judgement.slices[1:]):
        mine = [line for line in judgement.slices if line.column == column]
        sure = [line for line in mine if line.rows - line.positives >= _LEAST_HONEST]
        caught = [line for line in mine if line.positives >= LEAST_POSITIVES]
        rows.append(
            (
                column,
                *_apart([(line.value, line.false_alarms) for line in sure]),
                *_apart([(line.value, line.found) for line in caught]),
            )
        )
    if not rows:
        return []
    return [
        "How equally it treats them: false alarms among the honest, positives found, each where "
        f"they are least and most, and the ratio (values with {_LEAST_HONEST} honest decisions or "
        f"{LEAST_POSITIVES} positives at least):",
        table(
            ("column", "fewest false alarms", "most", "ratio", "fewest found", "most", "ratio"),
            rows,
        ),
    ]


def _apart(of: Sequence[tuple[str, float | None]]) -> tuple[str, str, str]:
    known = [(share, value) for value, share in of if share is not None]
    if len(known) < 2:
        return "-", "-", "-"
    low, high = min(known), max(known)
    ratio = f"{low[0] / high[0]:.2f}" if high[0] else "-"
    return f"{low[1]} ({low[0]:.2%})", f"{high[1]} ({high[0]:.2%})", ratio


def _money(judgement: Judgement) -> list[str]:
    if not judgement.outcomes:
        return []
    net = sum(line.net for line in judgement.outcomes)
    judged, worth = judgement.evaluation, judgement.value_recall
    return [
        "## What its decisions are worth",
        ""
        if worth is None
        else f"Reviews of the {judged.capacity} highest a day find {judged.recall_at_capacity:.1%} "
        f"of what there is to find, and {worth:.1%} of its amounts.",
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

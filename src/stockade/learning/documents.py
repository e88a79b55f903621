"""Documents about a model, generated from the registry: for validators, auditors and reviewers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stockade.champion import Champion
from stockade.definitions.model import ModelSpec
from stockade.definitions.source import EventSource, Files, Origin, Query, Table
from stockade.definitions.window import in_words
from stockade.learning.markdown import bullets, page, table
from stockade.learning.registry import VersionHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """All that is on record about a model.

    Attributes:
        spec: its definition today.
        champion: the version in use.
        history: every version, the latest first.
        manifest: of the training set that the champion learnt from; empty where a later build has
            taken its place.
        written_at: when the documents are made.
    """

    spec: ModelSpec
    champion: Champion
    history: Sequence[VersionHistory]
    manifest: Mapping[str, Any]
    written_at: datetime


def documents(file: ModelFile, *, year: int | None = None) -> Mapping[str, str]:
    """File name -> content: the model-risk document and, of a year, the review; each twice."""
    written = {"model_risk": risk_document(file)}
    if year is not None:
        written[f"yearly_review_{year}"] = yearly_review(file, year)
    return {f"{name}.md": text for name, text in written.items()} | {
        f"{name}.html": page(text) for name, text in written.items()
    }


def risk_document(file: ModelFile) -> str:
    """The model-risk document as Markdown, on the principles of SR 26-2 (successor of SR 11-7).

    Purpose, data, method and assumptions, outcomes analysis, limits, controls, monitoring plan,
    change log. It tells what is on record; what a person must add is marked `TO DO`.
    """
    spec, champion = file.spec, file.champion
    parts = [
        f"# Model risk document: {spec.name}",
        f"Version {champion.version}, from the registry on {file.written_at:%Y-%m-%d %H:%M} UTC. "
        "It follows the principles of SR 26-2 (2026, successor of SR 11-7). Lines with TO DO need "
        "a person.",
        "## 1. Purpose and use",
        table(("", ""), _purpose(file)),
        "## 2. Data",
        table(("", ""), _data(file)),
        table(
            ("source", "origin", "event time", "known from", "revisions"),
            [_source(one) for one in _sources(spec)],
        ),
        "## 3. Method and assumptions",
        _method(file),
        bullets(_assumptions(spec)),
        "## 4. Outcomes analysis",
        *_outcomes(champion.judgement),
        "## 5. Limits",
        bullets(_limits(file)),
        "## 6. Controls",
        bullets(_controls()),
        table(("version", "gate", "passed", "what was seen"), _gates(file.history)),
        "## 7. Monitoring plan",
        table(("what", "bound", "what to do beyond it"), _monitoring(spec)),
        "## 8. Change log",
        table(
            ("version", "registered", "became champion", "withdrawn", "instead of"),
            [_change(one) for one in file.history],
        ),
        "## 9. Independent review",
        bullets(
            (
                "TO DO: reviewer, date, findings, and what was done about them.",
                "TO DO: accepted residual risk, and by whom.",
            )
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def yearly_review(file: ModelFile, year: int) -> str:
    """Evidence for a yearly review of fraud monitoring, such as the Nacha rules ask for.

    Nacha has required since 2026 that processes which find fraudulent entries be risk-based, and
    be reviewed at least once a year. This is the record of one model in one calendar year; it
    does not judge whether the record suffices.
    """
    spec = file.spec
    made = [one for one in file.history if one.created_at.year == year]
    used = [one for one in file.history if _year(one.promoted_at) == year]
    refused = [one for one in made if any(not check.passed for check in one.checks)]
    parts = [
        f"# Yearly review {year}: {spec.name}",
        f"From the registry on {file.written_at:%Y-%m-%d %H:%M} UTC.",
        "## The process",
        table(("", ""), _purpose(file)),
        bullets(_controls()),
        "## What happened in the year",
        table(
            ("", ""),
            [
                ("versions registered", len(made)),
                ("versions that became champion", len(used)),
                ("versions that a gate refused", len(refused)),
            ],
        ),
        table(
            ("version", "registered", "became champion", "withdrawn", "instead of"),
            [_change(one) for one in file.history if one in made or one in used],
        )
        if made or used
        else "",
        "## How well it works",
        *_outcomes(file.champion.judgement),
        "## Findings and sign-off",
        bullets(
            (
                "TO DO: losses and returns of the year, beside the risk appetite.",
                "TO DO: new schemes seen, and whether the process finds them.",
                "TO DO: changes decided. Reviewer, date, approval.",
            )
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _purpose(file: ModelFile) -> list[tuple[str, object]]:
    spec, label = file.spec, file.spec.training_set.label
    policy = spec.policy
    actions = "gives a probability; nothing is decided by it"
    if policy is not None:
        actions = ", ".join(action.name for action in policy.actions) + (
            f"; by lot {policy.pass_through:.1%} of what is due for more than "
            f"'{policy.actions[0].name}' passes"
            if policy.pass_through
            else ""
        )
    return [
        ("purpose", spec.description or "TO DO: describe the model in its definition"),
        ("owner", spec.owner or "TO DO: name one in the definition"),
        ("decides about", spec.training_set.spine.description or spec.training_set.spine.name),
        ("predicts", label.description or f"`{label.name}` within {in_words(label.horizon)}"),
        ("decisions", actions),
        ("people review", f"{spec.review_capacity} a day"),
    ]


def _data(file: ModelFile) -> list[tuple[str, object]]:
    champion, manifest = file.champion, file.manifest
    rows: list[tuple[str, object]] = [
        ("training set", f"`{champion.training_table}`, version {champion.training_version}"),
        ("features", f"{len(champion.inputs)}, each pinned by a fingerprint of its definition"),
    ]
    if not manifest:
        return [*rows, ("manifest", "a later build has taken its place: see the table's history")]
    states = ", ".join(f"{count:,} {state}" for state, count in manifest["label_states"].items())
    inputs = ", ".join(f"`{name}` version {n}" for name, n in manifest["inputs"].items())
    return [
        *rows,
        ("decisions", f"{manifest['rows']:,}, from {manifest['interval'][0]} to before "
                      f"{manifest['interval'][1]}"),
        ("build date", f"{manifest['as_of']}: nothing that was known later is in it"),
        ("labels", states),
        ("tables read", inputs),
        ("content hash", f"`{manifest['content_hash']}`; `stockade rebuild` makes the same rows"),
    ]  # fmt: skip


def _sources(spec: ModelSpec) -> list[EventSource]:
    label = spec.training_set.label
    views = [selection.view for selection in spec.training_set.features.selections()]
    found = [view.source for view in views] + [label.source]
    found += [] if label.blocks is None else [label.blocks]
    return list({one.name: one for one in found}.values())


def _source(source: EventSource) -> tuple[object, ...]:
    known = f"`{source.available_at}`" if source.available_at else "the event"
    if not source.available_at and source.settling_delay:
        known += f", {in_words(source.settling_delay)} later"
    revised = "none"
    if source.dedupe:
        revised = f"the highest `{source.version}` known" if source.version else "copies dropped"
    return (source.name, _origin(source.origin), f"`{source.event_time}`", known, revised)


def _origin(origin: Origin | str) -> str:
    if isinstance(origin, Table):
        return f"table `{origin.name}`"
    if isinstance(origin, Files):
        return f"{origin.format} files"
    if isinstance(origin, Query):
        return "a query over " + ", ".join(_origin(one) for one in origin.inputs.values())
    return f"table `{origin}`"


def _method(file: ModelFile) -> str:
    champion = file.champion
    return table(
        ("", ""),
        [
            ("algorithm", champion.algorithm),
            *((f"`{name}`", value) for name, value in sorted(champion.params.items())),
            ("chosen by", f"{file.spec.metric} over {file.spec.folds} validation periods of "
                          f"{in_words(file.spec.validation)}, each after a gap of "
                          f"{in_words(file.spec.training_set.label.maturity)}"),
            ("calibration", champion.calibration.method),
            ("challenged by", "a logistic regression on the same rows; see outcomes"),
        ],
    )  # fmt: skip


def _assumptions(spec: ModelSpec) -> Iterable[str]:
    label = spec.training_set.label
    yield (
        f"A decision without a report is honest once {in_words(label.maturity)} have passed. Later "
        "reports are taken for noise."
    )
    yield "What is to come is like the latest weeks; gates and monitoring ask whether it is."
    if label.blocks is not None and spec.propensity is None:
        yield (
            "Decisions that were blocked are left out. Of decisions like them nothing is known "
            "(not identifiable without a random pass-through); see the bounds in outcomes."
        )
    if spec.propensity is not None:
        yield f"`{spec.propensity}` is the true chance with which a decision was let through."
    if spec.policy is not None:
        for action in spec.policy.actions:
            yield (
                f"'{action.name}' costs {action.cost:g}, spares {action.prevented:.0%} of a loss "
                f"and costs an honest customer {action.friction:g}."
            )


def _outcomes(judgement: Mapping[str, Any]) -> list[str]:
    evaluation, baseline = judgement["evaluation"], judgement["baseline"]
    parts = [
        f"On {judgement['first']} to {judgement['last']}, which chose nothing: "
        f"{evaluation['rows']:,} decisions, {evaluation['positives']:,} positive.",
        table(
            ("metric", "model", "90 % interval", "logistic regression"),
            [
                (name.replace("_", " "), f"{evaluation[name]:.4f}",
                 _interval(judgement["intervals"].get(name)), f"{baseline[name]:.4f}")
                for name in ("average_precision", "roc_auc", "precision_at_capacity",
                             "recall_at_capacity", "brier", "calibration_error")
            ],
        ),
    ]  # fmt: skip
    if judgement["outcomes"]:
        net = sum(
            line["prevented"] - line["cost"] - line["friction"] for line in judgement["outcomes"]
        )
        parts += [
            table(
                ("action", "decisions", "positives", "at risk", "prevented", "cost", "friction"),
                [
                    (line["action"], *(f"{line[name]:,.0f}" for name in
                     ("decisions", "positives", "at_risk", "prevented", "cost", "friction")))
                    for line in judgement["outcomes"]
                ],
            ),
            f"Net of cost and friction the policy is worth {net:,.0f} on this period.",
        ]  # fmt: skip
    if judgement["unlabelled"]:
        parts += [
            "What decisions without a label would have changed:",
            table(
                ("what is done with them", "decisions", "average precision", "ROC AUC"),
                [
                    (line["name"], f"{line['rows']:,}",
                     f"{line['evaluation']['average_precision']:.4f}",
                     f"{line['evaluation']['roc_auc']:.4f}")
                    for line in judgement["unlabelled"]
                ],
            ),
        ]  # fmt: skip
    rival = judgement["rival"]
    if rival is not None:
        swaps, by = rival["swaps"], rival["difference"]
        parts.append(
            f"Against version {rival['version']} on the same period: {judgement['metric']} higher "
            f"by {by['mean']:.4f} ({by['low']:.4f} to {by['high']:.4f}); {swaps['gained']:,} "
            f"decisions newly acted on ({swaps['gained_positives']:,} positive), "
            f"{swaps['lost']:,} no longer ({swaps['lost_positives']:,} positive)."
        )
    return parts


def _interval(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{found['low']:.4f} to {found['high']:.4f}"


def _limits(file: ModelFile) -> Iterable[str]:
    judgement = file.champion.judgement
    ranked = [line for line in judgement["slices"][1:] if line["roc_auc"] is not None]
    for line in sorted(ranked, key=lambda line: line["roc_auc"])[:3]:
        yield (
            f"Weakest where {line['column']} is {line['value']}: ROC AUC {line['roc_auc']:.3f} "
            f"over {line['rows']:,} decisions."
        )
    alarms = [line for line in judgement["slices"][1:] if line["false_alarms"]]
    if len(alarms) > 1:
        high, low = (pick(alarms, key=lambda line: line["false_alarms"]) for pick in (max, min))
        yield (
            f"Honest decisions are acted on {high['false_alarms'] / low['false_alarms']:.1f} times "
            f"as often where {high['column']} is {high['value']} as where {low['column']} is "
            f"{low['value']}."
        )
    absent = sorted(judgement["missing"].items(), key=lambda one: -one[1][1])[:3]
    told = [f"`{name}` in {share:.0%}" for name, (_, share) in absent if share > 0]
    if told:
        yield f"Inputs that are missing most often: {', '.join(told)} of decisions."
    yield "It says how likely an outcome is, not that it is certain, and not why people do it."


def _controls() -> Iterable[str]:
    yield "Every value is what was known at its decision; `stockade audit` re-reads and proves it."
    yield "Scoring refuses features whose definition has changed since training, by name."
    yield "A version becomes champion by gates only, and their answers are kept with it."
    yield "Model files hold data only, are sealed by SHA-256 at registration, and never run code."
    yield "`stockade rollback` gives the alias back to the version before; nothing is overwritten."


def _gates(history: Sequence[VersionHistory]) -> list[tuple[object, ...]]:
    return [
        (one.version, check.gate, "yes" if check.passed else "NO", check.said)
        for one in history
        for check in one.checks
    ]


def _monitoring(spec: ModelSpec) -> list[tuple[object, ...]]:
    gates = asdict(spec.gates)
    return [
        ("expected against observed positives, once labels are mature",
         f"{gates['bias']:.0%} apart, beyond chance",
         "calibrate again; if that fails, train again"),
        ("the same in a slice", f"{gates['slice_bias']:.0%} apart, beyond chance",
         "find out what differs there; train again"),
        ("ROC AUC of a slice against the last judgement", f"{gates['slice_drop']:g} lower",
         "find the cause; train again"),
        ("share of decisions without an input", f"{gates['missing_rise']:.0%} more than in "
         "training", "stop scoring with it until its source is repaired"),
        ("time to score a row", f"{gates['microseconds']:,.0f} microseconds",
         "look at the cluster"),
    ]  # fmt: skip


def _change(one: VersionHistory) -> tuple[object, ...]:
    return (
        one.version,
        f"{one.created_at:%Y-%m-%d}",
        (one.promoted_at or "-")[:10],
        (one.withdrawn_at or "-")[:10],
        one.previous or "-",
    )


def _year(moment: str | None) -> int | None:
    return None if moment is None else datetime.fromisoformat(moment).astimezone(UTC).year

"""A model's page: how good it is, where, and what it goes by."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from stockade.champion import Champion
from stockade.definitions.spine import Label
from stockade.definitions.window import in_words
from stockade.learning.documents import ModelFile, risk_document
from stockade.learning.markdown import rendered
from stockade.reporting import charts
from stockade.reporting.facts import ModelFacts
from stockade.reporting.page import Figure, Grid, Link, Page, Part, Tile, grid

METRICS = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "precision_at_capacity": "precision at capacity",
    "recall_at_capacity": "recall at capacity",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
_TOP = 15
# Lengths from this on are told in days; fewer positives a day than this are told by week.
_MANY_DAYS, _FEW_A_DAY = timedelta(days=14), 3


def model_page(facts: ModelFacts) -> Page:
    """The page of a model; without a version, what is declared of it."""
    spec, champion = facts.spec, facts.champion
    label = spec.training_set.label
    lead = [spec.description or "It has no description.", _predicts(label)]
    parts: list[Part] = []
    tiles: list[Tile] = []
    if champion is None:
        lead.append(f"There is no version of it: {facts.role}.")
    else:
        lead.append(
            f"Version {champion.version} ({facts.role}), {champion.algorithm}, learnt from "
            f"{champion.training_table} version {champion.training_version}. "
            f"Owner: {spec.owner or 'none is named'}."
        )
        tiles = list(_tiles(champion.judgement))
        parts = list(_judged(facts, champion))
    parts += _scored(facts)
    used = [one.view.name for one in spec.training_set.features.selections()]
    return Page(
        anchor=f"model-{spec.name}", group="Models", title=f"Model: {spec.name}", short=spec.name,
        lead=lead, tiles=tiles, parts=parts,
        links=[Link(href=f"#view-{name}", text=f"view {name}") for name in used]
        + [Link(href="#queue", text="its alerts"), Link(href="#health", text="its health")],
    )  # fmt: skip


def _predicts(label: Label) -> str:
    what = (label.description or label.name).rstrip(".")
    return f"What it foretells: {what}; known at the latest {_roughly(label.maturity)} after."


def _roughly(length: timedelta) -> str:
    """In whole days, begun ones too, where there are many."""
    return in_words(length) if length < _MANY_DAYS else f"{-(-length // timedelta(days=1))} days"


def _tiles(judged: Mapping[str, Any]) -> Iterator[Tile]:
    quality = judged["evaluation"]
    for name in ("average_precision", "precision_at_capacity", "recall_at_capacity"):
        interval = judged["intervals"].get(name)
        sure = f", 90 %: {interval['low']:.3f} to {interval['high']:.3f}" if interval else ""
        best = best_precision(judged)
        if name == "precision_at_capacity" and best < 1:
            sure += f"; {best:.3f} is the most that can be"
        yield Tile(value=f"{quality[name]:.3f}", words=METRICS[name] + sure)


def best_precision(judged: Mapping[str, Any]) -> float:
    """The precision at capacity of a model that is never wrong: positives may be too few."""
    quality = judged["evaluation"]
    days = max(len(judged["days"]), 1)
    return min(1.0, quality["positives"] / (quality["capacity"] * days))


def _judged(facts: ModelFacts, champion: Champion) -> Iterator[Part]:
    judged = champion.judgement
    yield Part(
        title="How good it is",
        text=[
            f"On {judged['first']} to {judged['last']}; intervals hold 90 % and come from drawing "
            "days and entities anew."
        ],
        tables=[_metrics(judged)],
    )
    yield _calibration(judged)
    yield Part(
        title="Gains",
        text=[f"Of all {judged['evaluation']['positives']:,} positives, how many are found when "
              "the highest scores are reviewed first."],
        figures=[
            Figure(
                svg=charts.gains(judged["gains"], words="gains: found by share reviewed"),
                caption="Positives found, and their amounts, by share of decisions reviewed.",
            )
        ],
    )  # fmt: skip
    yield _slices(judged)
    yield _stability(judged)
    if judged.get("outcomes"):
        yield _money(judged["outcomes"])
    yield _importance(champion)
    file = ModelFile(
        spec=facts.spec, champion=champion, history=facts.history, manifest={},
        written_at=facts.history[0].created_at,
    ) if facts.history else None  # fmt: skip
    if file is not None:
        yield Part(
            title="Model document",
            text=["Purpose, data, method, limits, controls and monitoring plan, as registered."],
            long=rendered(risk_document(file)), long_title="Read the model-risk document",
        )  # fmt: skip


def _metrics(judged: Mapping[str, Any]) -> Grid:
    def line(name: str) -> Sequence[object]:
        found = judged["intervals"].get(name)
        sure = f"{found['low']:.4f} to {found['high']:.4f}" if found else "-"
        values = (f"{judged[one][name]:.4f}" for one in ("evaluation", "baseline"))
        mine, simple = values
        return (METRICS[name], mine, sure, simple)

    head = ("metric", "model", "90 % interval", "logistic baseline")
    return grid("Metrics on the test period", head, [line(name) for name in METRICS])


def _calibration(judged: Mapping[str, Any]) -> Part:
    said = sum(day["expected"] for day in judged["days"])
    return Part(
        title="Does a probability mean what it says?",
        text=[
            f"It foretold {said:,.0f} positives on the test period, and "
            f"{judged['evaluation']['positives']:,} came. Calibration error "
            f"{judged['evaluation']['calibration_error']:.4f}; of bare scores "
            f"{judged['uncalibrated_error']:.4f}."
        ],
        figures=[
            Figure(
                svg=charts.reliability(judged["reliability"], words="reliability diagram"),
                caption="Of decisions with a probability of x, the share that turned out positive. "
                "Dashed: as it should be. Groups without any positive are left out.",
            )
        ],
    )


def _slices(judged: Mapping[str, Any]) -> Part:
    rows = [
        (
            f"{line['column']}: {line['value']}" if line["column"] else "all", line["rows"],
            line["positives"], f"{line['expected']:.2%}", f"{line['observed']:.2%}",
            line["roc_auc"], _share(line["found"]), _share(line["false_alarms"]),
        )
        for line in judged["slices"]
    ]  # fmt: skip
    head = ("slice", "decisions", "positives", "expected", "observed", "ROC AUC", "found",
            "false alarms")  # fmt: skip
    return Part(
        title="For whom it holds",
        text=["Found: share of positives acted on. False alarms: share of honest decisions acted "
              "on; where they differ, customers are burdened unequally. A dash: too few to tell."],
        tables=[grid("By slice", head, rows)],
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _stability(judged: Mapping[str, Any]) -> Part:
    days = pd.DataFrame(judged["days"])
    counts, unit = days[["day", "expected", "positives"]], "day"
    if counts["positives"].mean() < _FEW_A_DAY:
        # One here and one there are a comb, not a course.
        week = pd.to_datetime(counts["day"]).dt.to_period("W").dt.start_time.rename("day")
        counts, unit = counts.groupby(week)[["expected", "positives"]].sum().reset_index(), "week"
    counted = pd.concat(
        [
            pd.DataFrame({"day": counts["day"], "positives": counts[name].astype(float), "of": of})
            for name, of in (("expected", "foretold"), ("positives", "came"))
        ]
    )
    figures = [
        Figure(
            svg=charts.lines(counted, x="day", y="positives", kind="of",
                             words=f"positives foretold and seen by {unit}"),
            caption=f"Positives foretold and seen, {unit} by {unit}"
            + ("; the first and the last may be part weeks." if unit == "week" else "."),
        )
    ]  # fmt: skip
    told = days.dropna(subset=["roc_auc"])
    if len(told) > 1:
        shown = pd.DataFrame({"day": told["day"], "ROC AUC": told["roc_auc"].astype(float)})
        figures.append(
            Figure(
                svg=charts.lines(shown, x="day", y="ROC AUC", words="ROC AUC by day"),
                caption="How well each day is ranked, where it has enough positives.",
            )
        )
    return Part(title="Is it steady?", figures=figures)


def _money(outcomes: Sequence[Mapping[str, Any]]) -> Part:
    names = ("decisions", "positives", "at_risk", "prevented", "cost", "friction")
    rows = [(line["action"], *(f"{line[name]:,.0f}" for name in names)) for line in outcomes]
    head = ("action", *(name.replace("_", " ") for name in names))
    return Part(
        title="What its decisions are worth",
        text=["On the test period, in the currency of the amounts, if the policy's costs are "
              "right. At risk: amounts of positives. Friction: cost with honest customers."],
        tables=[grid("By action", head, rows)],
    )  # fmt: skip


def _importance(champion: Champion) -> Part:
    weights = list(champion.judgement["importance"].items())[:_TOP]
    rows = [(name, f"{weight:.3f}", champion.meanings.get(name, "")) for name, weight in weights]
    return Part(
        title="What it goes by",
        text=["Weight: mean absolute contribution to the log odds (0.7 doubles them)."],
        figures=[
            Figure(
                svg=charts.bars(dict(weights), x="weight",
                                words="the weightiest inputs"),
                caption=f"The {len(weights)} weightiest inputs.",
            )
        ],
        tables=[grid("In words", ("input", "weight", "meaning"), rows)],
    )  # fmt: skip


def _scored(facts: ModelFacts) -> list[Part]:
    if not len(facts.days):
        return [Part(title="What it scored", text=["No predictions are written."])]
    days = facts.days
    acted = [one for one in days.columns if one not in ("day", "decisions", "probability")]
    figures: list[Figure] = []
    if len(days) > 1:
        decided = days.rename(columns={"probability": "mean probability"})
        figures += [
            Figure(svg=charts.lines(decided, x="day", y=name, words=f"{name} by scored day"),
                   caption=f"{name.capitalize()} by day.")
            for name in ("decisions", "mean probability")
        ]  # fmt: skip
    shares = {f"{low:.2f}": float(rows) for low, rows in facts.scores.items()}
    rows = [
        (str(row["day"])[:10], int(row["decisions"]), f"{row['probability']:.3%}",
         *(int(row[name]) for name in acted))
        for row in days.tail(14).to_dict("records")
    ]  # fmt: skip
    return [
        Part(
            title="What it scored",
            figures=figures,
            tables=[
                grid("Newest scored days", ("day", "decisions", "mean probability", *acted), rows),
                grid("By probability",
                     ("from", "decisions"), [(low, f"{n:,.0f}") for low, n in shares.items()]),
            ],
        )
    ]  # fmt: skip

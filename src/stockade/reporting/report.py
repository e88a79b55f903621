"""The report: an executive page, and one for each model and view, for data and for alerts."""

from collections.abc import Iterator

import pandas as pd

from stockade.learning.registry import VersionHistory
from stockade.reporting.facts import Facts, ModelFacts
from stockade.reporting.model_page import METRICS, best_precision, model_page
from stockade.reporting.page import Link, Page, Part, Tile, grid, html
from stockade.reporting.returns import (
    returns_changes,
    returns_parts,
    returns_recommended,
    returns_tiles,
)
from stockade.reporting.view_page import view_page
from stockade.reporting.watch_page import alert_rows, health_page, newest_alerts, queue_page

# Where fewer reviews than this could find anything at best, their precision misleads.
_RARE = 0.5


def report(facts: Facts) -> str:
    """The report as one HTML file."""
    pages = [
        _first(facts),
        *(model_page(one) for one in facts.models),
        queue_page(facts),
        health_page(facts),
        *(view_page(one, facts.models) for one in facts.views),
    ]
    return html(f"Stockade report: {facts.target}", pages)


def _first(facts: Facts) -> Page:
    in_use = [one for one in facts.models if one.champion is not None]
    lead = [
        f"What is on record of '{facts.target}' on {facts.written_at:%Y-%m-%d %H:%M} UTC. "
        f"{_many(len(facts.models), 'model')}, {len(in_use)} with a version to judge; "
        f"{_many(len(facts.views), 'feature view')}."
    ]
    return Page(
        anchor="summary", group="Overview", title="What the models do, in short",
        short="Summary", lead=lead, tiles=list(_tiles(facts)),
        parts=[
            *(_in_words(one) for one in in_use),
            *returns_parts(facts),
            _changes(facts),
            Part(title="What we recommend", list=list(_recommended(facts))),
        ],
        links=[Link(href=f"#model-{one.spec.name}", text=one.spec.name) for one in facts.models]
        + [Link(href="#queue", text="alert queue"), Link(href="#health", text="data health")],
    )  # fmt: skip


def _tiles(facts: Facts) -> Iterator[Tile]:
    for one in facts.models:
        if one.champion is None:
            continue
        judged = one.champion.judgement
        spared = sum(line["prevented"] for line in judged.get("outcomes", ()))
        risk = sum(line["at_risk"] for line in judged.get("outcomes", ()))
        if risk:
            yield Tile(
                value=f"{spared / risk:.0%}",
                words=f"of {risk:,.0f} at risk spared by {one.spec.name} on its test period",
            )
        quality = judged["evaluation"]
        # Where frauds are rarer than reviews most of these find none, however good the model is.
        if best_precision(judged) < _RARE:
            yield Tile(
                value=f"{quality['recall_at_capacity']:.0%}",
                words=f"of what there is to find would be found by the {quality['capacity']} "
                f"a day that {one.spec.name} puts first",
            )
            continue
        yield Tile(
            value=f"{quality['precision_at_capacity']:.0%}",
            words=f"of the {quality['capacity']} a day that {one.spec.name} would have reviewed "
            "first are what is looked for",
        )
    yield from returns_tiles(facts)
    open_now = newest_alerts(facts.alerts)
    watched = len(facts.measures) > 0
    yield Tile(
        value=str(len(open_now)) if watched else "none",
        words="alerts on the newest watched day"
        if watched
        else "watched: the monitor has not run yet",
    )


def _in_words(one: ModelFacts) -> Part:
    assert one.champion is not None  # noqa: S101 -- the caller chose these
    judged, spec = one.champion.judgement, one.spec
    quality = judged["evaluation"]
    share = quality["positives"] / max(quality["rows"], 1)
    best = best_precision(judged)
    at_most = f" (at most {_percent(best)} can be, so few are there)" if best < 1 else ""
    text = [
        f"{spec.description or spec.name} It was judged on {judged['first']} to {judged['last']}, "
        f"a period that chose nothing about it: {quality['rows']:,} decisions, of which "
        f"{quality['positives']:,} ({share:.2%}) turned out positive.",
        f"If people review {quality['capacity']} a day, starting with the most suspicious, "
        f"{_percent(quality['precision_at_capacity'])} of what they look at is right"
        f"{at_most}, and they find {_percent(quality['recall_at_capacity'])} of all there is.",
    ]
    outcomes = judged.get("outcomes", ())
    if outcomes:
        net = sum(line["prevented"] - line["cost"] - line["friction"] for line in outcomes)
        prevented = sum(line["prevented"] for line in outcomes)
        text.append(
            f"In money: {prevented:,.0f} of loss is spared. After the cost of reviews and of "
            f"honest customers held up, {net:,.0f} remains, in the currency of the amounts."
        )
    metric = judged["metric"]
    gain = quality[metric] - judged["baseline"][metric]
    interval = judged["intervals"].get(metric)
    if interval is not None:
        lead = "clearly better than" if interval["low"] > judged["baseline"][metric] else (
            "not surely better than"
        )  # fmt: skip
        text.append(
            f"It is {lead} the simplest model on the same data "
            f"({gain:+.3f} in {METRICS.get(metric, metric)})."
        )
    return Part(title=spec.name, text=text)


def _changes(facts: Facts) -> Part:
    versions = [
        (f"{one.created_at:%Y-%m-%d}", model.spec.name, one.version, ", ".join(one.aliases) or "-",
         _because(one))
        for model in facts.models
        for one in model.history
    ]  # fmt: skip
    alerts = newest_alerts(facts.alerts)
    tables = []
    if versions:
        head = ("registered", "model", "version", "in use as", "because")
        tables.append(grid("Versions", head, sorted(versions, reverse=True)[:10]))
    if len(alerts):
        tables.append(alert_rows(alerts, "Alerts on the newest watched day, with their cause"))
    moved = [*returns_changes(facts), *(line for one in facts.models for line in _week(one))]
    nothing = "No version was registered, no alert raised, and nothing moved."
    return Part(
        title="What changed, and why",
        text=() if tables or moved else (nothing,), list=moved, tables=tables,
    )  # fmt: skip


def _because(version: VersionHistory) -> str:
    """What the gates said of a version."""
    if not version.checks:
        return "the gates were not asked"
    failed = [one for one in version.checks if not one.passed]
    if failed:
        return f"gate {failed[0].gate} held it: {failed[0].said}"
    return f"passed all {len(version.checks)} gates"


def _week(one: ModelFacts) -> Iterator[str]:
    """A model's newest week beside the four weeks before, where these are there."""
    days = one.days
    if len(days) < 14:
        return
    new, old = days.iloc[-7:], days.iloc[-35:-7]
    share = [float((w["probability"] * w["decisions"]).sum() / w["decisions"].sum())
             for w in (new, old)]  # fmt: skip
    yield (
        f"{one.spec.name}: {new['decisions'].mean():,.0f} decisions a day in the newest week, "
        f"{old['decisions'].mean():,.0f} before; it foretells {share[0]:.2%} positives, "
        f"{share[1]:.2%} before."
    )


def _recommended(facts: Facts) -> Iterator[str]:
    """What follows from the record; each point names what it follows from."""
    yield from returns_recommended(facts)
    yield from _causes(facts.alerts)
    bare = [one.spec.name for one in facts.models if one.champion is None]
    if bare:
        has = "has no version yet. Build its training set and train it"
        many = "have no version yet. Build their training sets and train them"
        yield f"{', '.join(bare)}: {has if len(bare) == 1 else many}."
    for one in facts.models:
        name = one.spec.name
        if one.champion is None:
            continue
        if one.role != "champion":
            yield f"{name}: only a challenger exists. Ask the gates: stockade promote {name}"
        if not len(one.days):
            yield f"{name}: nothing is scored. Schedule stockade score {name}"
        yield from _of_quality(one)
    if not len(facts.measures):
        yield "Nothing is watched: schedule stockade monitor, so that changes are seen."
    for view in facts.views:
        if not view.view.owner:
            yield f"View {view.view.name} has no owner: name one in its definition."


def _of_quality(one: ModelFacts) -> Iterator[str]:
    assert one.champion is not None  # noqa: S101 -- the caller chose these
    judged, name = one.champion.judgement, one.spec.name
    metric, quality = judged["metric"], judged["evaluation"]
    interval = judged["intervals"].get(metric)
    if interval is not None and interval["low"] <= judged["baseline"][metric]:
        yield (
            f"{name}: its lead over the simple baseline may be chance. Use the baseline, or add "
            "features that tell more."
        )
    said = sum(day["expected"] for day in judged["days"])
    seen = quality["positives"]
    if seen >= 30 and not 0.8 <= said / seen <= 1.25:
        yield (
            f"{name}: it foretold {said:,.0f} positives and {seen:,} came. Calibrate it anew "
            "before probabilities are used for money."
        )
    ranked = [line for line in judged["slices"][1:] if line["roc_auc"] is not None]
    weak = [line for line in ranked if line["roc_auc"] < quality["roc_auc"] - 0.05]
    for line in sorted(weak, key=lambda line: line["roc_auc"])[:1]:
        yield (
            f"{name}: it ranks worst where {line['column']} is {line['value']} "
            f"(ROC AUC {line['roc_auc']:.2f}, {quality['roc_auc']:.2f} in all). Look there first."
        )


def _causes(alerts: pd.DataFrame) -> Iterator[str]:
    for row in newest_alerts(alerts).to_dict("records"):
        yield f"Look into {row['root']} since {row['first_day']}: {row['cause_text']}."


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"

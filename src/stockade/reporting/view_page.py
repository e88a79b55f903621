"""A feature view's page: what it means, where it comes from, how it behaves."""

from collections.abc import Iterator, Sequence

from stockade.definitions.measure import Measure
from stockade.definitions.view import Feature
from stockade.definitions.window import Lifetime, in_words
from stockade.definitions.wording import meaning
from stockade.reporting import charts
from stockade.reporting.facts import ModelFacts, ViewFacts
from stockade.reporting.page import Figure, Grid, Link, Page, Part, grid

# Charts of the weightiest features only: a view may have hundreds.
_CHARTS = 6


def view_page(facts: ViewFacts, models: Sequence[ModelFacts]) -> Page:
    """The page of a feature view."""
    view = facts.view
    weights = _weights(models)
    lead = [
        view.description or "It has no description.",
        f"Owner: {view.owner or 'none is named'}. Of one {view.entity.name} "
        f"({', '.join(view.entity.keys)}), from source {view.source.name}.",
    ]
    return Page(
        anchor=f"view-{view.name}", group="Feature views", title=f"Feature view: {view.name}",
        short=view.name, lead=lead,
        links=[Link(href=f"#model-{name}", text=f"model {name}") for name in facts.models],
        parts=[
            Part(title="Lineage", list=list(_lineage(facts))),
            Part(title="Features", tables=[_features(facts, weights)]),
            _over_time(facts, weights),
            _examples(facts),
        ],
    )  # fmt: skip


def _weights(models: Sequence[ModelFacts]) -> dict[str, float]:
    """Input -> its largest share of the weight in any model."""
    found: dict[str, float] = {}
    for one in models:
        given = one.champion.judgement["importance"] if one.champion is not None else {}
        total = sum(given.values()) or 1.0
        for name, weight in given.items():
            found[name] = max(found.get(name, 0.0), weight / total)
    return found


def _lineage(facts: ViewFacts) -> Iterator[str]:
    source = facts.view.source
    known = source.available_at or (
        f"the event, {in_words(source.settling_delay)} later" if source.settling_delay else
        "the event itself"
    )  # fmt: skip
    yield f"Tables: {', '.join(facts.tables)}"
    yield f"Source {source.name}: happened at {source.event_time}, known from {known}"
    yield f"Used by: {', '.join(facts.models) or 'no model'}"


def _features(facts: ViewFacts, weights: dict[str, float]) -> Grid:
    rows = [
        (one.name, meaning(facts.view, one), _window(one),
         f"{weights[one.name]:.1%}" if one.name in weights else "-",
         facts.fingerprints.get(one.name, "")[:10])
        for one in facts.view.features()
    ]  # fmt: skip
    head = ("feature", "meaning", "window", "weight", "fingerprint")
    return grid("Weight: its share in the model that goes by it most", head, rows)


def _window(feature: Feature) -> str:
    aggregate = feature.aggregate
    if isinstance(aggregate, Measure) and not aggregate.windowed:
        return "-"
    window = aggregate.windows[0]
    return "lifetime" if isinstance(window, Lifetime) else in_words(window)


def _over_time(facts: ViewFacts, weights: dict[str, float]) -> Part:
    shown = facts.snapshots
    if not len(shown):
        return Part(
            title="Distribution over time",
            text=[f"No snapshot is written: stockade materialize {facts.view.name}"],
        )
    names = sorted(shown["feature"].unique(), key=lambda name: -weights.get(name, 0.0))[:_CHARTS]
    figures: list[Figure] = []
    for name in names:
        mine = shown[shown["feature"] == name]
        figures.append(
            Figure(
                svg=charts.band(mine, x="day", words=f"{name} by day", unit=name),
                caption=f"{name}: the middle, and where 90 % of rows lie; "
                f"{mine['missing'].iloc[-1]:.1%} have no value on the newest day.",
            )
        )
    return Part(
        title="Distribution over time",
        text=[f"{facts.rows:,} rows on the newest day."], figures=figures,
    )  # fmt: skip


def _examples(facts: ViewFacts) -> Part:
    if not facts.examples:
        return Part(title="Examples", text=["There are none without a snapshot."])
    names = list(facts.examples[0])
    rows = [(name, *(one[name] for one in facts.examples)) for name in names]
    head = ("feature", *(f"row {n + 1}" for n in range(len(facts.examples))))
    return Part(
        title="Examples", text=["Rows of the newest day, by lot; whose they are is left out."],
        tables=[grid("Values", head, rows)],
    )  # fmt: skip

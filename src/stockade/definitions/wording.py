"""What a feature means, in words that an investigator can read."""

from collections.abc import Mapping

from stockade.definitions.aggregate import NO_DELAY, Aggregate, Kind
from stockade.definitions.measure import Measure, MeasureKind
from stockade.definitions.view import Feature, FeatureService, LookupView, View
from stockade.definitions.window import Lifetime, Window, in_words

# {value} is the measured column, {events} the source's name.
_PHRASES: Mapping[Kind, str] = {
    "count": "number of {events}",
    "sum": "sum of {value} over {events}",
    "mean": "mean {value} of {events}",
    "stddev": "standard deviation of {value} over {events}",
    "variance": "variance of {value} over {events}",
    "min": "smallest {value} of {events}",
    "max": "largest {value} of {events}",
    "first": "first {value} of {events}",
    "last": "last {value} of {events}",
    "last_n": "last values of {value} of {events}",
    "count_distinct": "number of different {value} in {events}",
    "entropy": "entropy of {value} over {events}",
    "top_share": "share of the commonest {value} among {events}",
    "seconds_since_last": "seconds since the last of {events}",
    "seconds_since_first": "seconds since the first of {events}",
    "quantile": "quantile of {value} over {events}",
    "latest": "{value} as last known from {events}",
}

_MEASURES: Mapping[MeasureKind, str] = {
    "dwell_quantile": "seconds that money stayed before it left ({q} quantile by amount)",
    "dwell_mean": "mean seconds that money stayed before it left",
    "pass_through": "share of the money received that left again within {within}",
    "matched": "money out that money in accounts for",
    "unmatched": "money in that has not left",
    "unmatched_age": "mean age in seconds of the money that has not left",
    "unmatched_oldest": "age in seconds of the oldest money that has not left",
    "component_size": "number, oneself included, connected through {events}",
    "component_growth": "growth of the group connected through {events}",
    "component_labelled": "number of labelled others connected through {events}",
    "component_labelled_share": "share of labelled others among those connected through {events}",
    "neighbours": "number of others that share something through {events}",
    "labelled_neighbours": "number of labelled others that share something through {events}",
    "hops": "transfers to the nearest {labelled} address, money {direction}",
    "tainted_share": "share of the money received that stems from {labelled} addresses ({method})",
    "cycles": "number of circles of {length} through which money came back",
}


def meanings(service: FeatureService) -> Mapping[str, str]:
    """Column -> what it means; a derived feature's description, or its expression."""
    words = {name: name.replace("_", " ") for name in service.spine_columns}
    for selection in service.selections():
        for feature in selection.view.features():
            words[feature.name] = meaning(selection.view, feature)
    for derived in service.derived():
        words[derived.name] = derived.description.strip().rstrip(".") or derived.expression
    return {name: words[name] for name in (*service.spine_columns, *service.computed())}


def meaning(view: View, feature: Feature) -> str:
    """What one feature of a view means."""
    one = feature.aggregate
    return _measure(view, one) if isinstance(one, Measure) else _aggregate(view, one)


def _aggregate(view: View, aggregate: Aggregate) -> str:
    phrase = _PHRASES[aggregate.kind].format(
        value=(aggregate.value or "").replace("_", " "), events=view.source.name.replace("_", " ")
    )
    if aggregate.where is not None:
        phrase += f" where {aggregate.where}"
    if not isinstance(view, LookupView):
        phrase += f" of this {view.entity.name.replace('_', ' ')}"
        phrase += _window(aggregate.windows[0])
    if aggregate.delay > NO_DELAY:
        phrase += f", until {in_words(aggregate.delay)} before"
    return phrase


def _measure(view: View, measure: Measure) -> str:
    phrase = _MEASURES[measure.kind].format(
        events=view.source.name.replace("_", " "),
        q=measure.q,
        within="" if measure.within is None else in_words(measure.within),
        labelled=" or ".join(measure.categories).replace("_", " ") or "labelled",
        direction=measure.direction,
        method=measure.method,
        length=measure.length,
    )
    phrase += f" of this {view.entity.name.replace('_', ' ')}"
    return phrase + _window(measure.windows[0]) if measure.windowed else phrase


def _window(window: Window) -> str:
    return " so far" if isinstance(window, Lifetime) else f" in {in_words(window)}"

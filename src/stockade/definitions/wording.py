"""What a feature means, in words that an investigator can read."""

from collections.abc import Mapping

from stockade.definitions.aggregate import NO_DELAY, Aggregate, Kind
from stockade.definitions.view import FeatureService, LookupView, View
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


def meanings(service: FeatureService) -> Mapping[str, str]:
    """Column -> what it means; a derived feature's description, or its expression."""
    words = {name: name.replace("_", " ") for name in service.spine_columns}
    for selection in service.selections():
        for feature in selection.view.features():
            words[feature.name] = _aggregate(selection.view, feature.aggregate)
    for derived in service.derived():
        words[derived.name] = derived.description.strip().rstrip(".") or derived.expression
    return {name: words[name] for name in (*service.spine_columns, *service.computed())}


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


def _window(window: Window) -> str:
    return " so far" if isinstance(window, Lifetime) else f" in {in_words(window)}"

"""Views meet their tables: every column and type is checked before anything is computed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type

from stockade.definitions.fingerprint import definition_fingerprint
from stockade.definitions.source import EventSource
from stockade.definitions.view import Feature, PatternView, Selection
from stockade.definitions.window import microseconds
from stockade.engine.checks import (
    KEY_TYPES,
    clock_faults,
    key_faults,
    missing,
    source_faults,
    where_faults,
)
from stockade.engine.fitting import pattern_faults
from stockade.engine.program import Output, output_of
from stockade.errors import (
    DefinitionError,
    SchemaError,
    raise_all,
)

_VALUE_TYPES = (*KEY_TYPES, T.FractionalType, T.TimestampType)


@dataclass(frozen=True, slots=True)
class History:
    """Features to attach, and the events that they are computed from.

    Attributes:
        selection: which features of which view.
        events: the rows of the view's source.
        others: the rows of the further sources of a pattern view, in the order of its `sources()`.
    """

    selection: Selection
    events: DataFrame
    others: tuple[DataFrame, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One source seen by one entity, ready to compute: what travels, and what becomes of it.

    Attributes:
        source: where the events are from.
        events: the source's rows.
        spine_keys, source_keys: the columns that must agree, in the same order.
        views: view name -> its outputs.
        values: measured column -> the Arrow type that the kernels get.
        masks: `where` text -> the name of its column.
    """

    source: EventSource
    events: DataFrame
    spine_keys: tuple[str, ...]
    source_keys: tuple[str, ...]
    views: Mapping[str, tuple[Output, ...]]
    values: Mapping[str, pa.DataType]
    masks: Mapping[str, str]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Every output, view by view."""
        return tuple(output for outputs in self.views.values() for output in outputs)

    @property
    def reach(self) -> int | None:
        """How far before a decision an event may lie and still count; None is for ever."""
        if any(output.window is None for output in self.outputs):
            return None
        return max((output.window or 0) + output.delay for output in self.outputs) + 1

    @property
    def settling(self) -> int:
        """Microseconds from an event to its being known, where no column says so."""
        return microseconds(self.source.settling_delay)


def bind(
    spine: DataFrame,
    histories: Sequence[History],
    *,
    decided_at: str,
    keys: Mapping[str, str],
) -> tuple[Track, ...]:
    """Check histories against the spine and their events; one track for each source and entity.

    Args:
        spine: decision moments.
        histories: what to attach; views that share source, events and keys share a track.
        decided_at: the spine's time column.
        keys: entity key -> spine column, where the names differ.

    Raises:
        SchemaError, DefinitionError: one fault, or an `ExceptionGroup` of all of them.
    """
    faults = list(_spine_faults(spine, histories, decided_at=decided_at))
    groups: dict[tuple[str, int, tuple[str, ...], tuple[str, ...]], list[History]] = {}
    for history in histories:
        view = history.selection.view
        spine_keys = tuple(keys.get(key, key) for key in view.entity.keys)
        if isinstance(view, PatternView):
            frames = (history.events, *history.others)
            faults += pattern_faults(spine, view, frames, spine_keys)
            continue
        source_keys = tuple(view.keys[key] for key in view.entity.keys)
        found = list(_history_faults(spine, history, spine_keys, source_keys))
        faults += found
        if not found:
            source = definition_fingerprint(view.source)
            group = (source, id(history.events), spine_keys, source_keys)
            groups.setdefault(group, []).append(history)
    raise_all("the features do not fit their tables", faults)
    return tuple(
        _track(members, spine_keys=group[2], source_keys=group[3])
        for group, members in groups.items()
    )


def kernel_type(data_type: T.DataType) -> pa.DataType:
    """The Arrow type in which a column reaches the kernels: whole numbers 64 bits wide, doubles."""
    if isinstance(data_type, T.IntegralType):
        return pa.int64()
    if isinstance(data_type, T.FloatType | T.DoubleType):
        return pa.float64()
    if isinstance(data_type, T.StringType):
        return pa.string()
    return to_arrow_type(data_type)


def value_column(source: EventSource, events: DataFrame, name: str) -> Column:
    """A measured column as the kernels want it; NaN and infinities by the source's rule."""
    data_type = events.schema[name].dataType
    column = F.col(name)
    if isinstance(data_type, T.IntegralType):
        return column.cast("bigint")
    if not isinstance(data_type, T.FloatType | T.DoubleType):
        return column
    number = column.cast("double")
    infinite = F.abs(number) == F.lit(float("inf"))
    odd = F.isnan(number) | infinite
    if source.non_finite == "null":
        return F.when(~odd, number)
    if source.non_finite == "reject":
        message = (
            f"source '{source.name}': column '{name}' holds NaN or infinity, which its "
            "non_finite rule rejects"
        )
        return F.when(odd, F.raise_error(F.lit(message)).cast("double")).otherwise(number)
    return number


def _track(
    members: Sequence[History], *, spine_keys: tuple[str, ...], source_keys: tuple[str, ...]
) -> Track:
    source = members[0].selection.view.source
    events = members[0].events
    values: dict[str, pa.DataType] = {}
    masks: dict[str, str] = {}
    views: dict[str, tuple[Output, ...]] = {}
    for member in members:
        view = member.selection.view
        outputs: list[Output] = []
        for feature in _selected(member.selection):
            aggregate = feature.aggregate
            if aggregate.value is not None:
                values[aggregate.value] = kernel_type(events.schema[aggregate.value].dataType)
            if aggregate.where is not None:
                masks.setdefault(aggregate.where, f"m{len(masks)}")
            outputs.append(_output(member, feature, masks))
        views[view.name] = tuple(outputs)
    return Track(
        source=source, events=events, spine_keys=spine_keys, source_keys=source_keys,
        views=views, values=values, masks=masks,
    )  # fmt: skip


def _output(history: History, feature: Feature, masks: Mapping[str, str]) -> Output:
    aggregate = feature.aggregate
    data_type = history.events.schema[aggregate.value].dataType if aggregate.value else None
    return output_of(
        history.selection.view,
        feature,
        mask=masks.get(aggregate.where) if aggregate.where else None,
        value=kernel_type(data_type) if data_type else None,
    )


def _selected(selection: Selection) -> Iterator[Feature]:
    of_view = {feature.name: feature for feature in selection.view.features()}
    return (of_view[name] for name in selection.names)


def _spine_faults(
    spine: DataFrame, histories: Iterable[History], *, decided_at: str
) -> Iterator[Exception]:
    yield from clock_faults(spine, decided_at, who="the spine")
    taken: dict[str, str] = {column: "a column of the spine" for column in spine.columns}
    for history in histories:
        view = history.selection.view.name
        for name in history.selection.names:
            if name in taken:
                yield DefinitionError(
                    f"view '{view}': feature '{name}' has the name of {taken[name]}; rename one"
                )
            taken[name] = f"a feature of view '{view}'"


def _history_faults(
    spine: DataFrame,
    history: History,
    spine_keys: Sequence[str],
    source_keys: Sequence[str],
) -> Iterator[Exception]:
    view, events = history.selection.view, history.events
    source = view.source
    who = f"view '{view.name}': source '{source.name}'"
    yield from source_faults(events, source, who=who)
    for spine_key, source_key in zip(spine_keys, source_keys, strict=True):
        yield from key_faults(spine, spine_key, events, source_key, who=f"view '{view.name}'")
    for feature in _selected(history.selection):
        yield from _feature_faults(history, feature)


def _feature_faults(history: History, feature: Feature) -> Iterator[Exception]:
    view, events, aggregate = history.selection.view, history.events, feature.aggregate
    who = f"view '{view.name}': feature '{feature.name}'"
    where = aggregate.where
    if where is not None:
        yield from where_faults(events, where, who=who)
    if aggregate.value is None:
        return
    absent = list(missing(events, aggregate.value, who=who))
    yield from absent
    if absent:
        return
    data_type = events.schema[aggregate.value].dataType
    if not isinstance(data_type, _VALUE_TYPES):
        yield SchemaError(
            f"{who} measures '{aggregate.value}', a {data_type.simpleString()}: "
            "only numbers, strings, booleans, dates and timestamps can be measured"
        )
        return
    try:
        _output(history, feature, {where: "m"} if where else {})
    except SchemaError as fault:
        yield fault

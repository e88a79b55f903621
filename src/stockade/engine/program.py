"""What is to be computed of one source's events, in plain numbers, before any data is read."""

from dataclasses import dataclass

import pyarrow as pa

from stockade.definitions.aggregate import Aggregate, Kind
from stockade.definitions.view import Feature, View
from stockade.definitions.window import Lifetime, microseconds
from stockade.errors import DefinitionError, SchemaError

# Beyond every decision; also the `visible_until` of a revision that nothing replaced.
FOREVER = 2**62

NUMERIC: frozenset[Kind] = frozenset({"sum", "mean", "stddev", "variance", "quantile"})
ORDERED: frozenset[Kind] = frozenset({"min", "max"})
PICKED: frozenset[Kind] = frozenset({"first", "last", "last_n", "latest"})
CATEGORICAL: frozenset[Kind] = frozenset({"count_distinct", "entropy", "top_share"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One feature column of one source.

    Attributes:
        name: the column's name.
        kind: the aggregate.
        value: the measured column's name, if any.
        mask: the name of the boolean column that `where` became, if any.
        window: length in microseconds; None is a lifetime.
        delay: microseconds between the window's end and the decision.
        inclusive: the window is `(t - d - w, t - d]` instead of `[t - d - w, t - d)`.
        n, q: of last_n and quantile.
        type: the column's Arrow type.
    """

    name: str
    kind: Kind
    value: str | None
    mask: str | None
    window: int | None
    delay: int
    inclusive: bool
    n: int | None
    q: float | None
    type: pa.DataType


def output_of(
    view: View, feature: Feature, *, mask: str | None, value: pa.DataType | None
) -> Output:
    """The computation behind one feature, given the Arrow type of the column it measures."""
    aggregate = feature.aggregate
    if not isinstance(aggregate, Aggregate):
        raise DefinitionError(f"view '{view.name}': a {aggregate.kind} is no aggregate of a window")
    (window,) = aggregate.windows
    return Output(
        name=feature.name,
        kind=aggregate.kind,
        value=aggregate.value,
        mask=mask,
        window=None if isinstance(window, Lifetime) else microseconds(window),
        delay=microseconds(aggregate.delay),
        inclusive=view.boundary == "inclusive",
        n=aggregate.n,
        q=aggregate.q,
        type=result_type(
            aggregate.kind,
            value,
            exact=aggregate.exact,
            who=f"view '{view.name}': feature '{feature.name}'",
        ),
    )


def result_type(kind: Kind, value: pa.DataType | None, *, exact: bool, who: str) -> pa.DataType:
    """The Arrow type of an aggregate of a column; raises `SchemaError` where it has no meaning."""
    if kind in ("count", "count_distinct"):
        return pa.int64()
    if kind in ("mean", "stddev", "variance", "quantile"):
        _require(_is_number(value), kind, value, "numbers", who=who)
        return pa.float64()
    if kind in ("entropy", "top_share", "seconds_since_last", "seconds_since_first"):
        return pa.float64()
    measured = value if value is not None else pa.null()
    if kind == "sum":
        _require(_is_number(value), kind, value, "numbers", who=who)
        if pa.types.is_decimal(measured):
            return pa.decimal128(38, measured.scale) if exact else pa.float64()
        return pa.int64() if pa.types.is_integer(measured) else pa.float64()
    kept = pa.float64() if pa.types.is_decimal(measured) and not exact else measured
    if kind in ORDERED:
        orderable = _is_number(value) or pa.types.is_temporal(measured)
        _require(orderable, kind, value, "numbers, dates or timestamps", who=who)
    return pa.list_(kept) if kind == "last_n" else kept


def _is_number(value: pa.DataType | None) -> bool:
    return value is not None and (
        pa.types.is_integer(value) or pa.types.is_floating(value) or pa.types.is_decimal(value)
    )


def _require(holds: bool, kind: Kind, value: pa.DataType | None, wanted: str, *, who: str) -> None:
    if not holds:
        raise SchemaError(f"{who}: {kind} measures {wanted}, not {value}")

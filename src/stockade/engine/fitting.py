"""Whether a pattern view fits its tables, checked before anything is computed."""

from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.view import PatternView
from stockade.engine.checks import key_faults, missing, source_faults, where_faults
from stockade.errors import DefinitionError, SchemaError

# So many decimal digits fit 64 bits.
DIGITS = 18


def pattern_faults(
    spine: DataFrame, view: PatternView, frames: Sequence[DataFrame], spine_keys: Sequence[str]
) -> Iterator[Exception]:
    """Everything that keeps a view from being computed for a spine."""
    sources = view.sources()
    if len(frames) != len(sources):
        yield DefinitionError(
            f"view '{view.name}' reads {len(sources)} sources and got the rows of {len(frames)}"
        )
        return
    for source, rows in zip(sources, frames, strict=True):
        who = f"view '{view.name}': source '{source.name}'"
        yield from source_faults(rows, source, who=who)
    pairs = zip(view.entity.keys, spine_keys, strict=True)
    for key, spine_key in pairs:
        yield from key_faults(
            spine, spine_key, frames[0], view.keys[key], who=f"view '{view.name}'"
        )
    if isinstance(view, MatchView):
        yield from _match_faults(spine, view, frames, spine_keys)
    elif isinstance(view, LinkView):
        yield from missing(frames[0], *view.attribute, who=f"view '{view.name}'")
        yield from _label_faults(spine, view, frames, spine_keys)
    elif isinstance(view, FlowView):
        yield from _flow_faults(spine, view, frames, spine_keys)


def money_type(view: MatchView | FlowView, frames: Sequence[DataFrame]) -> T.DataType | None:
    """The one type, of 64 bits or `DIGITS` digits, that all money of a view is read as."""
    if isinstance(view, MatchView):
        names = (view.amount, view.debit_amount)[: len(frames)]
    else:
        names = (view.amount,)
    kinds = [rows.schema[name].dataType for name, rows in zip(names, frames, strict=False) if name]
    if kinds and all(isinstance(kind, T.IntegralType) for kind in kinds):
        return T.LongType()
    decimals = [kind for kind in kinds if isinstance(kind, T.DecimalType)]
    if not kinds or len(decimals) < len(kinds):
        return None
    scale = max(kind.scale for kind in decimals)
    if max(kind.precision - kind.scale for kind in decimals) + scale > DIGITS:
        return None
    return T.DecimalType(DIGITS, scale)


def _match_faults(
    spine: DataFrame, view: MatchView, frames: Sequence[DataFrame], spine_keys: Sequence[str]
) -> Iterator[Exception]:
    who = f"view '{view.name}'"
    absent = list(missing(frames[0], view.amount, who=who))
    if view.debits is not None:
        absent += missing(frames[1], str(view.debit_amount), who=f"{who}: debits")
        for key, spine_key in zip(view.entity.keys, spine_keys, strict=True):
            yield from key_faults(
                spine, spine_key, frames[1], view.debit_keys[key], who=f"{who}: debits"
            )
    yield from absent
    if not absent:
        yield from _money_faults(view, frames)
    if view.credit is not None:
        yield from where_faults(frames[0], view.credit, who=f"{who}: credit")
    if view.debit is not None:
        yield from where_faults(frames[-1], view.debit, who=f"{who}: debit")


def _money_faults(view: MatchView | FlowView, frames: Sequence[DataFrame]) -> Iterator[Exception]:
    if money_type(view, frames) is None:
        yield SchemaError(
            f"view '{view.name}': money must be whole numbers, or decimals that share {DIGITS} "
            "digits: cast it, to decimal(18, 2) for example"
        )


def _label_faults(
    spine: DataFrame,
    view: LinkView,
    frames: Sequence[DataFrame],
    spine_keys: Sequence[str],
) -> Iterator[Exception]:
    if view.labels is None:
        return
    for key, spine_key in zip(view.entity.keys, spine_keys, strict=True):
        yield from key_faults(
            spine, spine_key, frames[1], view.label_keys[key], who=f"view '{view.name}': labels"
        )


def _flow_faults(
    spine: DataFrame, view: FlowView, frames: Sequence[DataFrame], spine_keys: Sequence[str]
) -> Iterator[Exception]:
    who, (spine_key,) = f"view '{view.name}'", spine_keys
    yield from key_faults(spine, spine_key, frames[0], view.sender, who=f"{who}: sender")
    if view.amount is not None:
        absent = list(missing(frames[0], view.amount, who=who))
        yield from absent or _money_faults(view, frames)
    if view.labels is None:
        return
    yield from key_faults(spine, spine_key, frames[1], str(view.label_key), who=f"{who}: labels")
    if view.category is None:
        return
    absent = list(missing(frames[1], view.category, who=f"{who}: labels"))
    yield from absent
    if not absent and not isinstance(frames[1].schema[view.category].dataType, T.StringType):
        yield SchemaError(f"{who}: category '{view.category}' must be a string")

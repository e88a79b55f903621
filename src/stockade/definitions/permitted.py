"""What a service uses, held against what its sources allow."""

from collections.abc import Iterable, Iterator

from stockade.definitions.expression import columns_of
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.sensitivity import REVEALING, refusal
from stockade.definitions.source import EventSource
from stockade.definitions.spine import Spine
from stockade.definitions.view import Feature, FeatureService, View
from stockade.errors import DefinitionError

# A source, its column, and whether the column's own values would be seen.
Use = tuple[EventSource, str, bool]


def service_refusals(service: FeatureService) -> Iterator[DefinitionError]:
    """Every feature of a service that its sources, or its own sensitivity, do not allow it."""
    for selection in service.selections():
        view = selection.view
        features = [one for one in view.features() if one.name in selection.names]
        yield from _of_definition(service, f"view '{view.name}'", view.sensitivity)
        for feature in features:
            for source, column, revealed in _uses(view, feature):
                yield from _of_column(service, feature.name, source, column, revealed=revealed)
    for derived in service.derived():
        yield from _of_definition(service, f"feature '{derived.name}'", derived.sensitivity)


def spine_refusals(
    service: FeatureService, spine: Spine, sources: Iterable[EventSource]
) -> Iterator[DefinitionError]:
    """Every column of its decisions that a service shows a model and may not.

    A spine has no contract of its own; that of a source of the same rows holds for it.
    """
    for source in sources:
        if source.origin == spine.origin:
            for column in service.spine_columns:
                yield from _of_column(service, column, source, column, revealed=True)


def _of_column(
    service: FeatureService, name: str, source: EventSource, column: str, *, revealed: bool
) -> Iterator[DefinitionError]:
    rule = None if source.contract is None else source.contract.columns.get(column)
    if rule is None:
        return
    purposes = tuple(rule.purposes)
    why = refusal(rule.sensitivity, purposes, purpose=service.purpose, revealed=revealed)
    if why is not None:
        yield DefinitionError(
            f"service '{service.name}': '{name}' uses '{column}' of source '{source.name}', {why}"
        )


def _of_definition(
    service: FeatureService, what: str, sensitivity: str
) -> Iterator[DefinitionError]:
    # What is bound to purposes is so column by column.
    why = None
    if sensitivity in ("pii", "prohibited"):
        why = refusal(sensitivity, (), purpose=service.purpose, revealed=True)
    if why is not None:
        yield DefinitionError(f"service '{service.name}' uses {what}, {why}")


def _uses(view: View, feature: Feature) -> Iterator[Use]:
    for column in view.keys.values():
        yield view.source, column, False
    one = feature.aggregate
    if isinstance(view, MatchView):
        yield from _of_match(view)
    elif isinstance(view, LinkView):
        yield from ((view.source, column, False) for column in view.attribute)
        if view.labels is not None:
            yield from ((view.labels, column, False) for column in view.label_keys.values())
    elif isinstance(view, FlowView):
        sides = (view.sender, view.receiver, view.amount)
        yield from ((view.source, column, False) for column in sides if column)
        if view.labels is not None:
            named = (view.label_key, view.category)
            yield from ((view.labels, column, False) for column in named if column)
    else:
        if one.value is not None:
            yield view.source, one.value, one.kind in REVEALING
        for column in sorted(columns_of(one.where)) if one.where else ():
            yield view.source, column, False


def _of_match(view: MatchView) -> Iterator[Use]:
    debits = view.debits or view.source
    yield view.source, view.amount, False
    yield debits, view.debit_amount or view.amount, False
    yield from ((debits, column, False) for column in view.debit_keys.values())
    for source, condition in ((view.source, view.credit), (debits, view.debit)):
        for column in sorted(columns_of(condition)) if condition else ():
            yield source, column, False

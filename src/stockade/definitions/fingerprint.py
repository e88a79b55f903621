"""Definitions as canonical JSON, and one fingerprint for each output column."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from stockade.definitions.aggregate import Aggregate, Category
from stockade.definitions.contract import Contract, Rule
from stockade.definitions.entity import Entity
from stockade.definitions.expression import columns_of
from stockade.definitions.gates import Gates
from stockade.definitions.measure import Measure
from stockade.definitions.model import Choice, ModelSpec, Uniform
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.policy import Action, Policy
from stockade.definitions.release import Course, Level, ReleaseStrategy
from stockade.definitions.source import EventSource, Files, Query, Table
from stockade.definitions.spine import Label, Spine, TrainingSet
from stockade.definitions.view import (
    Derived,
    Feature,
    FeatureService,
    FeatureView,
    LookupView,
    PatternView,
    Selection,
    View,
)
from stockade.definitions.window import Lifetime, microseconds
from stockade.errors import DefinitionError, FingerprintMismatchError

_CLASSES: Mapping[str, type] = {
    one.__name__: one
    for one in (
        Action, Aggregate, Category, Choice, Contract, Course, Derived, Entity, EventSource,
        FeatureService, FeatureView, Files, FlowView, Gates, Label, Level, Lifetime, LinkView,
        LookupView, MatchView, Measure, ModelSpec, Policy, Query, ReleaseStrategy, Rule, Selection,
        Spine, Table, TrainingSet, Uniform,
    )
}  # fmt: skip

_NOT_VALUES = frozenset({"name", "measures"})


def to_json(definition: object) -> str:
    """The definition and everything it refers to, documentation included, as JSON text."""
    return json.dumps(_encode(definition, docs=True), ensure_ascii=False)


def from_json(text: str) -> Any:
    """The definition that `to_json` wrote; it is checked again as it is made."""
    try:
        return _decode(json.loads(text))
    except (ValueError, TypeError, KeyError) as fault:
        raise DefinitionError(f"not a definition that this version can read: {fault}") from fault


def semantics(value: object) -> Any:
    """What decides values, as plain JSON types: names of parts and documentation left out."""
    return _encode(value, docs=False)


def feature_fingerprint(view: View, feature: Feature) -> str:
    """16 hex digits that change whenever the feature's values may."""
    return digest(feature_semantics(view, feature))


def feature_semantics(view: View, feature: Feature) -> Mapping[str, Any]:
    """All that decides one feature's values."""
    if isinstance(view, PatternView):
        # All that such a view says decides each of its features.
        said = {key: value for key, value in semantics(view).items() if key not in _NOT_VALUES}
        return said | {"aggregate": semantics(feature.aggregate)}
    return {
        "source": semantics(view.source),
        "keys": [[key, view.keys[key]] for key in view.entity.keys],
        "boundary": view.boundary,
        "aggregate": semantics(feature.aggregate),
    }


def view_fingerprints(view: View) -> Mapping[str, str]:
    """Feature name -> fingerprint, for every feature of the view."""
    return {feature.name: feature_fingerprint(view, feature) for feature in view.features()}


def snapshot_fingerprint(view: FeatureView) -> str:
    """16 hex digits that change whenever the view's snapshots may."""
    return digest({"features": dict(view_fingerprints(view)), "cadence": view.cadence})


def service_fingerprints(service: FeatureService) -> Mapping[str, str]:
    """Column name -> fingerprint, for every column of the service, hidden ones included."""
    prints = {name: digest({"spine column": name}) for name in service.spine_columns}
    for selection in service.selections():
        of_view = view_fingerprints(selection.view)
        prints |= {name: of_view[name] for name in selection.names}
    for derived in service.derived():
        used = {name: prints.get(name, name) for name in sorted(columns_of(derived.expression))}
        prints[derived.name] = digest({"expression": derived.expression, "inputs": used})
    return {name: prints[name] for name in (*service.spine_columns, *service.computed())}


def definition_fingerprint(definition: object) -> str:
    """16 hex digits that change whenever the definition, documentation apart, does."""
    return digest(semantics(definition))


def require_same(
    built: Mapping[str, str], declared: Mapping[str, str], *, who: str, remedy: str
) -> None:
    """Raise `FingerprintMismatchError` naming every feature that changed, is missing, or is new.

    Args:
        built: feature -> fingerprint when something was built.
        declared: the same as the definitions are now.
        who: what was built.
        remedy: what to do about it.
    """
    groups = {
        "changed": [n for n in built if n in declared and built[n] != declared[n]],
        "missing": [n for n in built if n not in declared],
        "new": [n for n in declared if n not in built],
    }
    said = "; ".join(
        f"{kind}: " + ", ".join(f"'{name}'" for name in sorted(names))
        for kind, names in groups.items()
        if names
    )
    if said:
        raise FingerprintMismatchError(f"{who} was built with other definitions ({said}): {remedy}")


def digest(value: object) -> str:
    """16 hex digits of plain JSON types, whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _encode(value: object, *, docs: bool) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, timedelta):
        return {"us": microseconds(value)}
    if isinstance(value, Mapping):
        mapping: Mapping[str, object] = value  # pyright: ignore[reportUnknownVariableType]
        return {key: _encode(one, docs=docs) for key, one in mapping.items()}
    if isinstance(value, tuple):
        many: tuple[object, ...] = value  # pyright: ignore[reportUnknownVariableType]
        return [_encode(one, docs=docs) for one in many]
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        # A source's own name is a label: the same rows under another name give the same values.
        named = docs or not isinstance(value, EventSource)
        return {"is": type(value).__name__} | {
            field.name: _encode(getattr(value, field.name), docs=docs)
            for field in fields(value)
            if (docs or not field.metadata.get("doc"))
            and (named or field.name != "name")
            and not (field.metadata.get("later") and getattr(value, field.name) == field.default)
        }
    raise DefinitionError(f"a {type(value).__name__} cannot be part of a definition")


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return value
    entries: dict[str, Any] = value
    if set(entries) == {"us"}:
        return timedelta(microseconds=entries["us"])
    decoded = {key: _decode(one) for key, one in entries.items() if key != "is"}
    if "is" not in entries:
        return decoded
    return _CLASSES[entries["is"]](**decoded)

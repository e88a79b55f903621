"""Stockade: features and labels that are exactly what was known at the moment of decision."""

from typing import TYPE_CHECKING

from stockade.definitions.aggregate import (
    Aggregate,
    Category,
    count,
    count_distinct,
    entropy,
    first,
    last,
    last_n,
    max_,
    mean,
    min_,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
    top_share,
    variance,
)
from stockade.definitions.entity import Entity
from stockade.definitions.gates import Gates
from stockade.definitions.model import Choice, ModelSpec, Uniform
from stockade.definitions.policy import Action, Policy
from stockade.definitions.source import EventSource, Files, Query, Table
from stockade.definitions.spine import Label, Spine, TrainingSet
from stockade.definitions.view import (
    Derived,
    FeatureService,
    FeatureView,
    LookupView,
)
from stockade.definitions.window import LIFETIME, days, hours, minutes, seconds

if TYPE_CHECKING:
    from stockade.feature_store import FeatureStore, connect

__all__ = [
    "LIFETIME",
    "Action",
    "Aggregate",
    "Category",
    "Choice",
    "Derived",
    "Entity",
    "EventSource",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "Files",
    "Gates",
    "Label",
    "LookupView",
    "ModelSpec",
    "Policy",
    "Query",
    "Spine",
    "Table",
    "TrainingSet",
    "Uniform",
    "connect",
    "count",
    "count_distinct",
    "days",
    "entropy",
    "first",
    "hours",
    "last",
    "last_n",
    "max_",
    "mean",
    "min_",
    "minutes",
    "quantile",
    "seconds",
    "seconds_since_first",
    "seconds_since_last",
    "stddev",
    "sum_",
    "top_share",
    "variance",
]


def __getattr__(name: str) -> object:
    """Import what needs Spark only when it is asked for."""
    if name in ("FeatureStore", "connect"):
        from stockade import feature_store

        return getattr(feature_store, name)
    raise AttributeError(f"module 'stockade' has no attribute '{name}'")

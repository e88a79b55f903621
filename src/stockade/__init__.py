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
from stockade.definitions.contract import Contract, Rule
from stockade.definitions.entity import Entity
from stockade.definitions.gates import Gates
from stockade.definitions.measure import (
    Measure,
    component_growth,
    component_labelled,
    component_labelled_share,
    component_size,
    cycles,
    dwell_seconds,
    hops,
    labelled_neighbours,
    matched_total,
    mean_dwell_seconds,
    neighbours,
    oldest_unmatched_seconds,
    pass_through_share,
    tainted_share,
    unmatched_seconds,
    unmatched_total,
)
from stockade.definitions.model import Choice, ModelSpec, Uniform
from stockade.definitions.pattern import FlowView, LinkView, MatchView
from stockade.definitions.policy import Action, Policy
from stockade.definitions.release import Course, Level, ReleaseStrategy
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
    "Contract",
    "Course",
    "Derived",
    "Entity",
    "EventSource",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "Files",
    "FlowView",
    "Gates",
    "Label",
    "Level",
    "LinkView",
    "LookupView",
    "MatchView",
    "Measure",
    "ModelSpec",
    "Policy",
    "Query",
    "ReleaseStrategy",
    "Rule",
    "Spine",
    "Table",
    "TrainingSet",
    "Uniform",
    "component_growth",
    "component_labelled",
    "component_labelled_share",
    "component_size",
    "connect",
    "count",
    "count_distinct",
    "cycles",
    "days",
    "dwell_seconds",
    "entropy",
    "first",
    "hops",
    "hours",
    "labelled_neighbours",
    "last",
    "last_n",
    "matched_total",
    "max_",
    "mean",
    "mean_dwell_seconds",
    "min_",
    "minutes",
    "neighbours",
    "oldest_unmatched_seconds",
    "pass_through_share",
    "quantile",
    "seconds",
    "seconds_since_first",
    "seconds_since_last",
    "stddev",
    "sum_",
    "tainted_share",
    "top_share",
    "unmatched_seconds",
    "unmatched_total",
    "variance",
]


def __getattr__(name: str) -> object:
    """Import what needs Spark only when it is asked for."""
    if name in ("FeatureStore", "connect"):
        from stockade import feature_store

        return getattr(feature_store, name)
    raise AttributeError(f"module 'stockade' has no attribute '{name}'")

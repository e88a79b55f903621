"""Stockade: features and labels that are exactly what was known at the moment of decision."""

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
from stockade.definitions.model import Choice, ModelSpec, Uniform
from stockade.definitions.source import EventSource, Files, Query, Table
from stockade.definitions.spine import Label, Spine, TrainingSet
from stockade.definitions.view import (
    Derived,
    FeatureService,
    FeatureView,
    LookupView,
)
from stockade.definitions.window import LIFETIME, days, hours, minutes, seconds


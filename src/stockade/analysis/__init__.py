"""Looking into something by hand: tables in, tables and figures out; for notebooks."""

from stockade.analysis.segment import Segment, Segments, segments
from stockade.analysis.threshold import WhatIf, what_if
from stockade.analysis.trend import Change, Trend, Trends, trends

__all__ = [
    "Change",
    "Segment",
    "Segments",
    "Trend",
    "Trends",
    "WhatIf",
    "segments",
    "trends",
    "what_if",
]

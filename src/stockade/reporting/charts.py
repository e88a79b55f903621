"""Charts as SVG text: in the page's own ink, so that one picture serves light and dark."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import vl_convert

# Both stand out from white and from near-black by 3 to 1 at least (WCAG 2.2, 1.4.11).
INK, PALE = "#3b82c4", "#c9762b"
Spec = Mapping[str, Any]
_CONFIG = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "line": {"strokeWidth": 2, "color": INK},
    "bar": {"color": INK},
    "axis": {
        "labelColor": "currentColor", "titleColor": "currentColor", "tickColor": "currentColor",
        "domainColor": "currentColor", "gridColor": "currentColor", "gridOpacity": 0.12,
        "titleFontWeight": "normal", "titleFontSize": 13, "labelFontSize": 12, "labelOverlap": True,
    },
    "legend": {
        "labelColor": "currentColor", "orient": "top", "title": None, "labelFontSize": 12,
    },
    "range": {"category": [INK, PALE, "#7a8794", "#8a5fb0"]},
}  # fmt: skip
_NUMBER = {"format": ",.4~g"}
_ROLES = re.compile(r' (role|aria-[a-z]+)="[^"]*"')
# With more points than this a line says it all.
_POINTS = 70
# Moments further apart than this are told by their days.
_BY_DAY = pd.Timedelta(days=4)
_FEW_DAYS = 14


def svg(spec: Spec, words: str) -> str:
    """A Vega-Lite chart as an SVG element that a screen reader reads as `words`."""
    sized = {"width": 520, "height": 220, **spec, "config": _CONFIG}
    drawn = vl_convert.vegalite_to_svg(json.dumps(sized))
    # Its groups claim to be pictures of their own, without a name.
    drawn = _ROLES.sub("", drawn)
    begin = drawn.index("<svg")
    return drawn[begin:].replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1)


def lines(rows: pd.DataFrame, *, x: str, y: str, words: str, kind: str = "") -> str:
    """A value day by day; one line for each of the column `kind`."""
    held = {
        "at": [str(one)[:10] for one in rows[x]], "value": rows[y],
        "kind": rows[kind] if kind else "",
    }  # fmt: skip
    encoding: dict[str, object] = {
        "x": _days(rows[x]),
        "y": {"field": "value", "type": "quantitative", "title": y, "axis": _NUMBER},
    }
    if kind:
        encoding["color"] = {"field": "kind", "type": "nominal"}
        encoding["strokeDash"] = {"field": "kind", "type": "nominal"}
    mark = {"type": "line", "point": {"size": 25} if len(rows) <= _POINTS else False}
    return svg({"data": _values(pd.DataFrame(held)), "mark": mark, "encoding": encoding}, words)


def band(rows: pd.DataFrame, *, x: str, words: str, unit: str) -> str:
    """`middle` day by day, and the band from `low` to `high`."""
    held = rows[["low", "middle", "high"]].assign(at=[str(one)[:10] for one in rows[x]])
    at = _days(rows[x])
    layers = [
        {
            "mark": {"type": "area", "color": INK, "opacity": 0.25},
            "encoding": {
                "x": at, "y2": {"field": "high"},
                "y": {"field": "low", "type": "quantitative", "title": unit, "axis": _NUMBER},
            },
        },
        {
            "mark": {"type": "line", "point": {"size": 25, "color": INK}},
            "encoding": {"x": at, "y": {"field": "middle", "type": "quantitative", "title": unit}},
        },
    ]  # fmt: skip
    return svg({"data": _values(held), "layer": layers}, words)


def rates(rows: pd.DataFrame, *, limit: float, words: str) -> str:
    """`middle` from `low` to `high` of each period `at`, beside a level; all in percent."""
    at = {"field": "at", "type": "ordinal", "title": "payments made until",
          "axis": {"labelAngle": 0}}  # fmt: skip
    rate = {"type": "quantitative", "title": "come back, %", "axis": _NUMBER,
            "scale": {"zero": True}}  # fmt: skip
    layers = [
        {
            "data": {"values": [{"limit": limit}]},
            "mark": {"type": "rule", "color": PALE, "strokeWidth": 2, "strokeDash": [6, 4]},
            "encoding": {"y": {"field": "limit", **rate}},
        },
        {
            "mark": {"type": "rule", "color": INK, "strokeWidth": 2},
            "encoding": {"x": at, "y": {"field": "low", **rate}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "color": INK, "opacity": 1},
            "encoding": {"x": at, "y": {"field": "middle", **rate}},
        },
    ]  # fmt: skip
    return svg({"data": _values(rows), "layer": layers}, words)


def moments(
    rows: pd.DataFrame, *, y: str, words: str, begin: str | None = None, end: str | None = None
) -> str:
    """One stem for each row: `value` at the instant `at` (ISO, UTC), its head by `kind`.

    The window from `begin` to `end` is shaded where it has a beginning.
    """
    # Without a scale in UTC, labels would be in the zone of the machine that draws.
    span = pd.to_datetime(rows["at"], format="ISO8601").agg(["min", "max"]).diff().iloc[-1]
    at = {
        "field": "at", "type": "temporal", "title": "happened (UTC)", "scale": {"type": "utc"},
        "axis": {"format": "%Y-%m-%d" if span > _BY_DAY else "%m-%d %H:%M", "tickCount": 5},
    }  # fmt: skip
    value = {"field": "value", "type": "quantitative", "title": y, "axis": {"format": "~s"}}
    kind = {
        "field": "kind", "type": "nominal", "sort": None,
        "scale": {"domain": ["counts", "does not"], "range": [INK, PALE]},
    }  # fmt: skip
    shape = {**kind, "scale": {"domain": ["counts", "does not"], "range": ["circle", "cross"]}}
    layers: list[Spec] = []
    if begin is not None and end is not None:
        window = pd.DataFrame({"from": [begin], "to": [end]})
        layers.append(
            {
                "data": _values(window), "mark": {"type": "rect", "color": INK, "opacity": 0.12},
                "encoding": {"x": {**at, "field": "from"}, "x2": {"field": "to"}},
            }
        )  # fmt: skip
    layers += [
        {
            "data": _values(rows), "mark": {"type": "rule", "opacity": 0.6},
            "encoding": {"x": at, "y": value, "y2": {"datum": 0}, "color": kind},
        },
        {
            "data": _values(rows), "mark": {"type": "point", "filled": True, "size": 50},
            "encoding": {"x": at, "y": value, "color": kind, "shape": shape},
        },
    ]  # fmt: skip
    return svg({"layer": layers}, words)


def bars(values: Mapping[str, float], *, x: str, words: str) -> str:
    """One bar across for each name, in the order given."""
    held = pd.DataFrame({"name": list(values), "value": list(values.values())})
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "title": None,
              "axis": {"labelLimit": 260}},
        "x": {"field": "value", "type": "quantitative", "title": x},
    }  # fmt: skip
    # A browser's letters may be wider than those that the labels were measured with.
    room = {"left": 40, "top": 5, "right": 5, "bottom": 5}
    return svg({"data": _values(held), "mark": "bar", "encoding": encoding, "padding": room}, words)


def gains(points: Sequence[Sequence[float]], *, words: str) -> str:
    """Share found by share reviewed, in percent."""
    held = pd.DataFrame(
        {"reviewed": 100 * point[0], "found": 100 * point[n], "of": name}
        for point in points
        for n, name in ((1, "positives"), (2, "their amounts"))
    )
    encoding = {
        "x": {"field": "reviewed", "type": "quantitative", "title": "decisions reviewed, %",
              "scale": {"type": "symlog", "constant": 0.1},
              "axis": {"values": [0, 0.1, 1, 10, 100], **_NUMBER}},
        "y": {"field": "found", "type": "quantitative", "title": "found, %",
              "scale": {"domain": [0, 100], "clamp": True}},
        "color": {"field": "of", "type": "nominal"},
        "strokeDash": {"field": "of", "type": "nominal"},
    }  # fmt: skip
    return svg({"data": _values(held), "mark": "line", "encoding": encoding}, words)


def reliability(points: Sequence[Sequence[float]], *, words: str) -> str:
    """Probability said against share that turned out positive, both logarithmic.

    A group without a positive has no place on such a scale: it is left out.
    """
    shown = [(p, share) for p, share, _ in points if p > 0 and share > 0]
    least = min((min(pair) for pair in shown), default=0.01)
    low = 10.0 ** math.floor(math.log10(least))
    decades = [10.0**n for n in range(round(math.log10(low)), 1)]
    sides = {
        name: {
            "field": name, "type": "quantitative", "title": title,
            "scale": {"type": "log", "domain": [low, 1]},
            "axis": {"values": decades, "format": "~g"},
        }
        for name, title in (("said", "probability said"), ("seen", "share seen"))
    }  # fmt: skip
    encoding = {"x": sides["said"], "y": sides["seen"]}
    ideal = pd.DataFrame({"said": [low, 1.0], "seen": [low, 1.0]})
    layers = [
        {
            "data": _values(ideal), "encoding": encoding,
            "mark": {"type": "line", "color": "currentColor", "strokeDash": [4, 4], "opacity": 0.6},
        },
        {
            "data": _values(pd.DataFrame(shown, columns=["said", "seen"])), "encoding": encoding,
            "mark": {"type": "point", "size": 60, "color": INK, "filled": True, "opacity": 1},
        },
    ]  # fmt: skip
    return svg({"layer": layers}, words)


def _days(days: pd.Series) -> Spec:
    """An axis of days; of a few, each is named, and no hour."""
    axis = {"tickCount": "day", "format": "%b %d"} if days.nunique() <= _FEW_DAYS else {}
    return {"field": "at", "type": "temporal", "title": None, "axis": axis}


def _values(rows: pd.DataFrame) -> Spec:
    return {"values": json.loads(rows.to_json(orient="records"))}

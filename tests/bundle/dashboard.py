"""What is wrong with a dashboard: queries, fields, scales and places, held against the tables."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from stockade.watching import record

_TYPES: Mapping[pa.DataType, str] = {
    pa.date32(): "DATE", pa.string(): "STRING", pa.float64(): "DOUBLE", pa.int64(): "BIGINT",
    pa.int32(): "INT", pa.bool_(): "BOOLEAN",
}  # fmt: skip
TABLES = {
    name: {column.name: _TYPES[column.type] for column in schema}
    for name, schema in record.SCHEMAS.items()
}
# What a scale needs; anything may be a category.
_SCALES = {
    "temporal": (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP),
    "quantitative": tuple(exp.DataType.NUMERIC_TYPES),
}
# The version that each kind of widget is written in.
_VERSIONS = {
    "counter": 2, "table": 2, "bar": 3, "line": 3, "filter-multi-select": 2,
    "filter-date-range-picker": 2,
}  # fmt: skip
_WIDTH = 12
_NAME = re.compile(r"[a-z0-9_-]{1,60}\Z")

Types = Mapping[str, exp.DataType]


def faults(found: Mapping[str, Any]) -> Iterator[str]:
    """Every fault of a dashboard, said so that one knows where to look."""
    datasets: dict[str, Types] = {}
    for one in found["datasets"]:
        try:
            datasets[one["name"]] = columns_of(sql_of(one), TABLES)
        except SqlglotError as fault:
            datasets[one["name"]] = {}
            yield f"dataset {one['name']}: {fault}"
    used: set[str] = set()
    for page in found["pages"]:
        if not page["layout"]:
            yield f"page {page['name']} is empty"
        yield from _places(page)
        for item in page["layout"]:
            widget = item["widget"]
            used |= {one["query"]["datasetName"] for one in widget.get("queries", ())}
            for fault in _widget(widget, datasets):
                yield f"widget {widget['name']}: {fault}"
    names = [item["widget"]["name"] for page in found["pages"] for item in page["layout"]]
    yield from (f"name {name} stands twice" for name in set(names) if names.count(name) > 1)
    yield from (f"dataset {name} is shown nowhere" for name in datasets if name not in used)


def sql_of(dataset: Mapping[str, Any]) -> str:
    """The query, as the dashboard puts it together."""
    return "".join(dataset["queryLines"])


def columns_of(sql: str, tables: Mapping[str, Mapping[str, str]]) -> Types:
    """The columns that a query gives, with their types; raises where it names what is not there."""
    query = qualify(sqlglot.parse_one(sql, dialect="databricks"), schema=tables,
                    dialect="databricks")  # fmt: skip
    typed = annotate_types(query, schema=tables, dialect="databricks")
    if not isinstance(typed, exp.Query):
        raise SqlglotError("it is no query")
    return {one.alias_or_name: one.type for one in typed.selects if one.type is not None}


def _widget(widget: Mapping[str, Any], datasets: Mapping[str, Types]) -> Iterator[str]:
    if not _NAME.match(widget["name"]):
        yield "its name is none"
    if "multilineTextboxSpec" in widget:
        return
    spec = widget["spec"]
    if _VERSIONS.get(spec["widgetType"]) != spec["version"]:
        yield f"there is no {spec['widgetType']} of version {spec['version']}"
    fields: dict[str, dict[str, exp.DataType | None]] = {}
    for one in widget["queries"]:
        query, given = one["query"], fields.setdefault(one["name"], {})
        if query["datasetName"] not in datasets:
            yield f"there is no dataset {query['datasetName']}"
            continue
        table = {name: str(kind) for name, kind in datasets[query["datasetName"]].items()}
        for field in query["fields"]:
            try:
                asked = f"SELECT {field['expression']} AS x FROM d"  # noqa: S608 -- parsed, not run
                typed = columns_of(asked, {"d": table})
                given[field["name"]] = typed.get("x")
            except SqlglotError as fault:
                yield f"{field['name']}: {fault}"
    for encoding in _encodings(spec["encodings"]):
        known = fields.get(encoding.get("queryName", "main_query"), {})
        name = encoding["fieldName"]
        if name not in known:
            yield f"it shows {name}, which its query does not give"
            continue
        scale, kind = encoding.get("scale", {}).get("type"), known[name]
        if scale in _SCALES and (kind is None or kind.this not in _SCALES[scale]):
            yield f"{name} is {kind}, and its scale is {scale}"


def _encodings(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each field that is shown, with the scale of what it belongs to."""
    for value in found.values():
        for one in value if isinstance(value, list) else [value]:
            shared = {"scale": one["scale"]} if "scale" in one else {}
            yield from ({**shared, **field} for field in one.get("fields", ()))
            if "fieldName" in one:
                yield one


def _places(page: Mapping[str, Any]) -> Iterator[str]:
    boxes = [(item["widget"]["name"], item["position"]) for item in page["layout"]]
    for name, box in boxes:
        if box["x"] < 0 or box["x"] + box["width"] > _WIDTH or min(box["width"], box["height"]) < 1:
            yield f"widget {name} lies beyond the page"
    for (name, one), (other, two) in combinations(boxes, 2):
        beside = one["x"] + one["width"] <= two["x"] or two["x"] + two["width"] <= one["x"]
        apart = one["y"] + one["height"] <= two["y"] or two["y"] + two["height"] <= one["y"]
        if not (beside or apart):
            yield f"widgets {name} and {other} lie on one another"

"""LookML of the registry: a view for each table of features and of predictions, and a model."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lkml

from stockade.building.features import AS_OF, AS_OF_ON
from stockade.champion import PROBABILITY, SCORE, predictions_table
from stockade.definitions.aggregate import Aggregate, Kind
from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.model import ModelSpec
from stockade.definitions.registry import Registry
from stockade.definitions.view import Feature, FeatureView
from stockade.definitions.wording import meaning
from stockade.errors import DataError, DefinitionError, raise_all
from stockade.folders import write_folder
from stockade.scoring.predictions import DECIDED_ON
from stockade.scoring.score import ACTION, MODEL_VERSION, PROPENSITY
from stockade.store.tables import Tables

# lkml gives and takes plain dicts.
Block = dict[str, Any]
Columns = Mapping[str, Mapping[str, str]]

# Marks a folder as one of these exports, too.
_MODEL = "stockade.model.lkml"
# Aggregates that are numbers whatever they measure; the others have the type of their column.
_NUMBERS: frozenset[Kind] = frozenset(
    {"count", "sum", "mean", "stddev", "variance", "count_distinct", "entropy", "top_share",
     "seconds_since_last", "seconds_since_first", "quantile"}
)  # fmt: skip
_NUMERIC = re.compile(r"(tinyint|smallint|int|bigint|float|double|decimal\(.*\))\Z")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_TIMEFRAMES = ["raw", "time", "date", "week", "month", "quarter", "year"]
_DAYS = [name for name in _TIMEFRAMES if name != "time"]
_FIELDS = ("dimensions", "dimension_groups", "measures")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookML:
    """What Looker reads.

    Attributes:
        files: path below the project's folder -> text.
        left: view -> why it is not among them.
    """

    files: Mapping[str, str]
    left: Mapping[str, str]


def lookml(
    registry: Registry,
    *,
    schema: str | None = None,
    columns: Columns | None = None,
    connection: str = "databricks",
) -> LookML:
    """The registry as LookML, read back by a parser and checked.

    Args:
        registry: what to tell.
        schema: `catalog.schema` of the tables; None where the connection has a default one.
        columns: table -> column -> SQL type, of the tables that are there. Of others, a feature
            that has the type of its column (`max`, `last`) has that of the source's contract, else
            it is text.
        connection: Looker's name for the warehouse.
    """
    known, place = columns or {}, "" if schema is None else f"{schema}."
    views: dict[str, Block] = {}
    explores: list[Block] = []
    for view in registry.all(FeatureView):
        views[view.name] = _feature_view(view, place, known.get(view.name, {}))
        said = view.description or f"Features of {view.entity.name} from {view.source.name}."
        explores.append({"name": view.name, "description": _text(said)})
    for spec in registry.all(ModelSpec):
        table = predictions_table(spec.name)
        views[table] = _predictions_view(spec, table, place, known.get(table, {}))
        said = f"Scores of {spec.name}. {spec.description}"
        explores.append({"name": table, "description": _text(said)})
    written = {f"views/{name}.view.lkml": {"views": [one]} for name, one in views.items()}
    model: Block = {
        "connection": connection, "includes": ["/views/*.view.lkml"], "explores": explores,
    }  # fmt: skip
    files = {path: str(lkml.dump(one)) for path, one in {**written, _MODEL: model}.items()}
    for path, one in {**written, _MODEL: model}.items():
        if lkml.load(files[path]) != one:
            raise DataError(f"'{path}' does not read back as it was written: please report it")
    check_lookml(files)
    return LookML(
        files=files,
        left={
            one.name: "it has no table: it is looked up, or computed at each decision"
            for one in registry.views()
            if not isinstance(one, FeatureView)
        },
    )


def written_columns(tables: Tables, registry: Registry) -> Columns:
    """Table -> column -> SQL type, of the tables of features and predictions that are there."""
    names = [one.name for one in registry.all(FeatureView)]
    names += [predictions_table(one.name) for one in registry.all(ModelSpec)]
    return {name: dict(tables.read(name).dtypes) for name in names if tables.exists(name)}


def write_lookml(found: LookML, folder: Path) -> None:
    """Write the files; views of an earlier export that are gone are removed.

    Raises:
        DataError: the folder holds something else.
    """
    write_folder(folder, found.files, mark=_MODEL, replaced="views/*.view.lkml", what="LookML")


def check_lookml(files: Mapping[str, str]) -> None:
    """Parse LookML and hold its parts against each other.

    Raises:
        DefinitionError: a file does not parse, a name is no name or stands twice, or something
            refers to a field or view that is not there; all faults are raised together.
    """
    faults: list[Exception] = []
    views: dict[str, Block] = {}
    explores: list[tuple[str, Block]] = []
    for path, text in files.items():
        try:
            read: Block = lkml.load(text)
        except (SyntaxError, IndexError) as fault:  # lkml's lexer runs past the end
            faults.append(DefinitionError(f"'{path}' is no LookML: {fault}"))
            continue
        for view in read.get("views", ()):
            if not isinstance(view, dict):
                faults.append(DefinitionError(f"'{path}': view '{view}' has no body"))
                continue
            if view["name"] in views:
                faults.append(DefinitionError(f"'{path}': view '{view['name']}' is there twice"))
            views[view["name"]] = view
            faults += [DefinitionError(f"'{path}': {fault}") for fault in _faults(view)]
        explores += [(path, one) for one in read.get("explores", ())]
    faults += [
        DefinitionError(f"'{path}': explore '{one['name']}' has no view of that name")
        for path, one in explores
        if one.get("view_name", one["name"]) not in views
    ]
    raise_all("the LookML is not consistent", faults)


def _faults(view: Block) -> Iterator[str]:
    names = [one["name"] for kind in _FIELDS for one in view.get(kind, ())]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"view '{view['name']}' has two fields named '{name}'"
    for name in (view["name"], *names):
        if not _NAME.match(name):
            yield f"view '{view['name']}': '{name}' is no name in LookML: lower case, no blanks"
    if "sql_table_name" not in view:
        yield f"view '{view['name']}' names no table"
    known = {"TABLE", *names}
    for kind in _FIELDS:
        for one in view.get(kind, ()):
            for used in _REFERENCE.findall(one.get("sql", "")):
                if used not in known:
                    yield f"view '{view['name']}': '{one['name']}' refers to '{used}'"


def _feature_view(view: FeatureView, place: str, types: Mapping[str, str]) -> Block:
    prints = view_fingerprints(view)
    keys = [_dimension(key, "string", f"Key of {view.entity.name}.") for key in view.entity.keys]
    features = [(one, _kind(view, one, types)) for one in view.features()]
    return {
        "name": view.name,
        "sql_table_name": f"{place}{view.name}",
        "dimensions": [
            _identity((*view.entity.keys, AS_OF)), *keys,
            *(
                _dimension(one.name, kind, _capital(meaning(view, one)))
                | {"tags": [f"fingerprint:{prints[one.name]}", f"sensitivity:{view.sensitivity}"]}
                for one, kind in features
            ),
        ],
        "dimension_groups": [
            _moments(AS_OF, "The moment (UTC) that a row tells of: what was known by then."),
            _days(AS_OF_ON, "The day (UTC) of that moment."),
        ],
        "measures": [
            _measure("rows_counted", "count", "Rows: one for each entity and moment."),
            _measure(f"{view.entity.name}_count", "count_distinct",
                     f"Different {view.entity.name} keys.", sql=_joined(view.entity.keys)),
            *(measure for one, kind in features for measure in _of_feature(one, kind)),
        ],
    }  # fmt: skip


def _of_feature(feature: Feature, kind: str) -> Iterator[Block]:
    """What can be asked of a feature over many rows."""
    name = feature.name
    group = {"group_label": name}
    share = f"CASE WHEN ${{{name}}} IS NULL THEN 1.0 ELSE 0.0 END"
    yield group | _measure(
        f"missing_{name}", "average", f"Share of rows without {name}.", sql=share
    ) | {"value_format_name": "percent_1"}  # fmt: skip
    if kind != "number":
        return
    for what, said in (("average", "Mean"), ("median", "Median"), ("max", "Largest")):
        yield group | _measure(f"{what}_{name}", what, f"{said} {name}.", sql=f"${{{name}}}")
    if isinstance(feature.aggregate, Aggregate) and feature.aggregate.kind in ("count", "sum"):
        yield group | _measure(f"total_{name}", "sum", f"Sum of {name}.", sql=f"${{{name}}}")


def _predictions_view(spec: ModelSpec, table: str, place: str, types: Mapping[str, str]) -> Block:
    spine = spec.training_set.spine
    said = f"What identifies a decision of {spec.name}."
    dimensions = [
        _identity(spine.id),
        *(_dimension(name, _of_type(types.get(name)), said) for name in spine.id),
        _dimension(SCORE, "number", "By which decisions are ranked, 0 to 1."),
        _dimension(PROBABILITY, "number", "Calibrated: the chance of a positive."),
        _dimension(MODEL_VERSION, "number", "The registered version that scored."),
    ]
    measures = [
        _measure("decisions", "count", "Decisions that were scored."),
        _measure("average_probability", "average", "Mean calibrated probability.",
                 sql=f"${{{PROBABILITY}}}"),
        _measure("expected_positives", "sum", "Positives that the probabilities foretell.",
                 sql=f"${{{PROBABILITY}}}"),
    ]  # fmt: skip
    if spec.policy is not None:
        dimensions += [
            _dimension(ACTION, "string", "What the policy did."),
            _dimension(PROPENSITY, "number", "The chance that the lot had of choosing it."),
        ]
        measures += [
            _measure(f"{one.name}_decisions", "count", f"Decisions with action {one.name}.")
            | {"filters__all": [[{ACTION: one.name}]]}
            for one in spec.policy.actions
        ]
    return {
        "name": table,
        "sql_table_name": f"{place}{table}",
        "dimensions": dimensions,
        "dimension_groups": [
            _moments(spine.decided_at, "When the decision was made (UTC)."),
            _days(DECIDED_ON, "The day (UTC) on which the decision was made."),
        ],
        "measures": measures,
    }


def _kind(view: FeatureView, feature: Feature, types: Mapping[str, str]) -> str:
    """LookML's type of a feature."""
    one = feature.aggregate
    if feature.name in types:
        return _of_type(types[feature.name])
    if one.kind in _NUMBERS:
        return "number"
    contract = view.source.contract
    rule = None if contract is None else contract.columns.get(one.value or "")
    return "string" if rule is None or one.kind == "last_n" else _of_type(rule.type)


def _of_type(sql_type: str | None) -> str:
    if sql_type is None:
        return "string"
    if sql_type == "boolean":
        return "yesno"
    return "number" if _NUMERIC.match(sql_type) else "string"


def _dimension(name: str, kind: str, description: str) -> Block:
    # Arrays, dates and instants are shown as text.
    sql = f"${{TABLE}}.{name}" if kind != "string" else f"CAST(${{TABLE}}.{name} AS STRING)"
    return {"name": name, "type": kind, "description": _text(description), "sql": sql}


def _identity(columns: tuple[str, ...] | str) -> Block:
    """What makes a row one of a kind; without it, Looker's sums are wrong after a join."""
    return {
        "name": "row_identity", "primary_key": "yes", "hidden": "yes", "type": "string",
        "sql": _joined(columns),
    }  # fmt: skip


def _joined(columns: tuple[str, ...] | str) -> str:
    names = (columns,) if isinstance(columns, str) else columns
    return "CONCAT_WS('|', " + ", ".join(f"${{TABLE}}.{name}" for name in names) + ")"


def _moments(name: str, description: str) -> Block:
    return {
        "name": name, "type": "time", "timeframes": _TIMEFRAMES, "datatype": "timestamp",
        "convert_tz": "no", "description": _text(description), "sql": f"${{TABLE}}.{name}",
    }  # fmt: skip


def _days(name: str, description: str) -> Block:
    return {
        "name": name, "type": "time", "timeframes": _DAYS, "datatype": "date",
        "convert_tz": "no", "description": _text(description), "sql": f"${{TABLE}}.{name}",
    }  # fmt: skip


def _measure(name: str, kind: str, description: str, *, sql: str | None = None) -> Block:
    given = {} if sql is None else {"sql": sql}
    return {"name": name, "type": kind, "description": _text(description), **given}


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _text(words: str) -> str:
    """One line that ends no string: LookML knows no escape that its parsers agree on."""
    return " ".join(words.split()).replace("\\", "/").replace('"', "'")

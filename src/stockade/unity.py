"""What Unity Catalog is told of a view's table: key, comments, tags and grants, as SQL."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stockade.definitions.fingerprint import view_fingerprints
from stockade.definitions.names import quoted
from stockade.definitions.sensitivity import SENSITIVITIES, Sensitivity
from stockade.definitions.view import FeatureService, FeatureView
from stockade.definitions.wording import meanings
from stockade.errors import DefinitionError, hint
from stockade.store.tables import Tables

Kind = Literal["comment", "key", "tag", "grant"]
Readers = Mapping[Sensitivity, Sequence[str]]

AS_OF = "as_of"
PROPERTY = "stockade.annotated"
# What a catalog says to a sentence that it has no grammar or no support for; anything else, such
# as a missing permission, is a fault.
_FOREIGN = re.compile(
    r"PARSE_SYNTAX_ERROR|UNSUPPORTED|_LEGACY_ERROR_TEMP_0035|NOT_SUPPORTED|Operation not allowed"
    r"|INVALID_STATEMENT_OR_CLAUSE|Cannot change nullable column"
    r"|UC_NOT_ENABLED|FEATURE_DISABLED|not supported",
)
# A tag's value holds so many characters.
_TAG = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence to the catalog."""

    kind: Kind
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """What was told of one table.

    Attributes:
        table: its name.
        told: the statements that were executed.
        skipped: kind -> why the catalog takes none of it.
        same: nothing was to be told: it is as it was.
    """

    table: str
    told: tuple[Statement, ...] = ()
    skipped: Mapping[Kind, str]
    same: bool = False


def statements(view: FeatureView, table: str, *, readers: Readers) -> tuple[Statement, ...]:
    """All that is said of a view's table, in the order in which it must be said.

    Args:
        view: whose table.
        table: as the catalog knows it, quoted: `` `prod`.`trust_safety`.`account_logins` ``.
        readers: sensitivity -> the groups that may read tables of it.
    """
    return (
        *_comments(view, table), *_key(view, table), *_tags(view, table),
        *(
            Statement(kind="grant", sql=f"GRANT SELECT ON TABLE {table} TO {quoted(group)}")
            for group in readers.get(view.sensitivity, ())
        ),
    )  # fmt: skip


def annotate(tables: Tables, view: FeatureView, *, readers: Readers) -> Annotated:
    """Tell the catalog what a view's table is, where that is not told yet.

    What the catalog has no grammar for is left out, by kind: a local catalog knows comments only.

    Raises:
        DefinitionError: the target is a folder, which has no catalog.
        Exception: whatever the catalog refuses, such as for a missing permission.
    """
    if tables.target.folder is not None:
        raise DefinitionError(
            f"target '{tables.target.folder}' is a folder: only a catalog can be told of its "
            "tables; name one with --target CATALOG.SCHEMA, or print the SQL with --dry-run"
        )
    table = identifier(tables.target.place(view.name))
    wanted = statements(view, table, readers=readers)
    mark = hashlib.sha256("\n".join(one.sql for one in wanted).encode()).hexdigest()[:16]
    detail = tables.spark.sql(f"DESCRIBE DETAIL {table}").first()
    if detail is not None and detail["properties"].get(PROPERTY) == mark:
        return Annotated(table=view.name, skipped={}, same=True)
    told: list[Statement] = []
    skipped: dict[Kind, str] = {}
    for one in wanted:
        if one.kind in skipped:
            continue
        try:
            tables.spark.sql(one.sql)
        except Exception as fault:
            if not _FOREIGN.search(str(fault)):
                raise
            skipped[one.kind] = str(fault).strip().splitlines()[0]
            continue
        told.append(one)
    tables.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('{PROPERTY}' = '{mark}')")
    return Annotated(table=view.name, told=tuple(told), skipped=skipped)


def readers_of(pairs: Sequence[tuple[str, str]]) -> Readers:
    """Sensitivity -> groups, from pairs as they were typed."""
    found: dict[Sensitivity, list[str]] = {}
    for sensitivity, group in pairs:
        if sensitivity not in SENSITIVITIES:
            raise DefinitionError(
                f"reader '{sensitivity}={group}': no such sensitivity: "
                f"{hint(sensitivity, SENSITIVITIES)}"
            )
        if sensitivity == "prohibited":
            raise DefinitionError(
                f"reader '{sensitivity}={group}': nobody reads what is prohibited"
            )
        found.setdefault(sensitivity, []).append(group)
    return found


def identifier(name: str) -> str:
    """A dotted name, each part quoted."""
    return ".".join(quoted(part) for part in name.split("."))


def _comments(view: FeatureView, table: str) -> Iterator[Statement]:
    said = view.description or f"Features of {view.entity.name} from {view.source.name}."
    yield Statement(kind="comment", sql=f"COMMENT ON TABLE {table} IS {_text(said)}")
    words = {
        AS_OF: "the moment (UTC) that the row tells of: what was known by then",
        **meanings(FeatureService(name="columns", features=(view,))),
    }
    for column, meaning in words.items():
        yield Statement(
            kind="comment",
            sql=f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} COMMENT {_text(meaning)}",
        )


def _key(view: FeatureView, table: str) -> Iterator[Statement]:
    """A primary key makes the table a feature table; TIMESERIES its time one to look back along."""
    columns = [*view.entity.keys, AS_OF]
    for column in columns:
        yield Statement(
            kind="key", sql=f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET NOT NULL"
        )
    yield Statement(kind="key", sql=f"ALTER TABLE {table} DROP PRIMARY KEY IF EXISTS CASCADE")
    listed = ", ".join([*map(quoted, view.entity.keys), f"{quoted(AS_OF)} TIMESERIES"])
    name = quoted(f"{view.name}_key")
    yield Statement(
        kind="key", sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY ({listed})"
    )


def _tags(view: FeatureView, table: str) -> Iterator[Statement]:
    prints = view_fingerprints(view)
    whole = hashlib.sha256("".join(sorted(prints.values())).encode()).hexdigest()[:16]
    tags = {
        "owner": view.owner, "sensitivity": view.sensitivity, "entity": view.entity.name,
        "source": view.source.name, "fingerprint": whole,
    }  # fmt: skip
    yield Statement(kind="tag", sql=f"ALTER TABLE {table} SET TAGS ({_pairs(tags)})")
    for column, fingerprint in prints.items():
        pairs = _pairs({"fingerprint": fingerprint})
        yield Statement(
            kind="tag",
            sql=f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET TAGS ({pairs})",
        )


def _pairs(tags: Mapping[str, str]) -> str:
    held = {name: value[:_TAG] for name, value in tags.items() if value}
    return ", ".join(f"{_text(name)} = {_text(value)}" for name, value in held.items())


def _text(value: str) -> str:
    """A string of SQL: nothing in it ends it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ")
    return f"'{escaped}'"

"""What may be imported, called and read where; the layers themselves are import-linter's."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STOCKADE = ROOT / "src" / "stockade"
HEAVY = ("databricks", "delta", "mlflow", "numpy", "pandas", "pyarrow", "pyspark")

# Absent on serverless compute, which is Spark Connect, or without effect there.
CLASSIC_ONLY = {"rdd", "sparkContext", "_jvm", "_sc", "createGlobalTempView", "DeltaTable"}
CLASSIC_ONLY_CALLS = {"persist", "cache", "unpersist", "checkpoint", "localCheckpoint"}
CLASSIC_MODULES = {"learning/classic.py"}

WRITES = {"writeTo", "writeStream", "saveAsTable", "insertInto", "mergeInto"}
WRITING_SQL = re.compile(
    r"\s*(INSERT|MERGE|DELETE|UPDATE|TRUNCATE|CREATE|DROP|ALTER|OPTIMIZE|VACUUM|RESTORE)\s+[A-Z`{]"
)
# Besides the writer of rows: what tells the catalog of keys, comments and tags.
WRITING_MODULES = {"store/tables.py", "unity.py"}

# Besides the command: what a notebook run as a script shows; the session flushes the streams before
# it lends them to the JVM.
PRINTING_MODULES = {"cli/frame.py", "notebook.py", "session.py"}
# Besides the command: where things live, which Java and runtime there is, the switches that MLflow
# reads only from its environment, the zone of a test's process, whether tasks have values, a
# notebook's widgets, and what a trial's process is started with.
ENVIRONMENT_MODULES = {
    "cli/frame.py",
    "learning/child.py",
    "learning/isolated.py",
    "learning/tracking.py",
    "notebook.py",
    "session.py",
    "target.py",
    "testing.py",
    "workspace.py",
}


def classic_only(tree: ast.AST) -> Iterator[str]:
    """Names that Spark Connect lacks, also where they hide in a string for `getattr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLASSIC_ONLY:
            yield f"{node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Name) and node.id in CLASSIC_ONLY:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.alias) and node.name in CLASSIC_ONLY:
            yield f"{node.lineno}: import {node.name}"
        elif isinstance(node, ast.Constant) and node.value in CLASSIC_ONLY:
            yield f"{node.lineno}: '{node.value}'"
        elif isinstance(node, ast.Call) and _method(node) in CLASSIC_ONLY_CALLS:
            yield f"{node.lineno}: .{_method(node)}()"


def writes(tree: ast.AST) -> Iterator[str]:
    """Ways to write a table: `frame.write` and its kin, or SQL text."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            node.attr in WRITES or (node.attr == "write" and id(node) not in called)
        ):
            yield f"{node.lineno}: .{node.attr}"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and WRITING_SQL.match(node.value)
        ):
            yield f"{node.lineno}: '{node.value}'"


def prints(tree: ast.AST) -> Iterator[str]:
    """Calls of `print`, and uses of the standard streams."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "print":
            yield f"{node.lineno}: print"
        elif isinstance(node, ast.Attribute) and _dotted(node) in ("sys.stdout", "sys.stderr"):
            yield f"{node.lineno}: {_dotted(node)}"


def environment(tree: ast.AST) -> Iterator[str]:
    """Uses of the environment and of the command line."""
    wanted = ("os.environ", "os.getenv", "os.putenv", "sys.argv")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in wanted:
            yield f"{node.lineno}: {_dotted(node)}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}" in wanted:
                    yield f"{node.lineno}: {node.module}.{alias.name}"


def _method(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _dotted(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else node.attr


RULES = {
    "classic only": (classic_only, CLASSIC_MODULES),
    "writes": (writes, WRITING_MODULES),
    "prints": (prints, PRINTING_MODULES),
    "environment": (environment, ENVIRONMENT_MODULES),
}


@pytest.mark.parametrize("rule", RULES)
def test_only_named_modules_do_what_the_rest_must_not(rule: str) -> None:
    found, allowed = RULES[rule]
    offences = [
        f"src/stockade/{name}:{offence}"
        for path in sorted(STOCKADE.rglob("*.py"))
        if (name := path.relative_to(STOCKADE).as_posix()) not in allowed
        for offence in found(ast.parse(path.read_text()))
    ]

    assert offences == []


def test_definitions_and_features_print_nothing_and_read_no_environment() -> None:
    offences = [
        f"{path.relative_to(ROOT)}:{offence}"
        for folder in ("features", "models")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for found in (prints, environment)
        for offence in found(ast.parse(path.read_text()))
    ]

    assert offences == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("classic only", "rows.rdd.count()"),
        ("classic only", "getattr(spark, '_jvm')"),
        ("classic only", "rows.cache()"),
        ("classic only", "from delta.tables import DeltaTable"),
        ("writes", "rows.write.save(path)"),
        ("writes", "writer = rows.write"),
        ("writes", "rows.writeTo(name).append()"),
        ("writes", "spark.sql(f'DELETE FROM {name}')"),
        ("prints", "print(rows)"),
        ("prints", "sys.stdout.write('')"),
        ("environment", "os.environ['HOME']"),
        ("environment", "from os import environ"),
    ],
)
def test_a_rule_sees(rule: str, line: str) -> None:
    found, _ = RULES[rule]

    assert list(found(ast.parse(line)))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("classic only", "@cache\ndef f(): ..."),
        ("writes", "file.write('text')"),
        ("writes", "numpy.save(path, values)"),
        ("writes", "'Delete from the queue what is done'"),
    ],
)
def test_a_rule_lets_pass(rule: str, line: str) -> None:
    found, _ = RULES[rule]

    assert list(found(ast.parse(line))) == []


@pytest.mark.parametrize(
    "name", ["stockade", "stockade.definitions", "trust_safety.features", "trust_safety.models"]
)
def test_importing_definitions_loads_nothing_heavy(name: str) -> None:
    script = f"""
import importlib, pkgutil, sys
package = importlib.import_module({name!r})
if {name!r} != "stockade":
    for module in pkgutil.walk_packages(package.__path__, {name!r} + "."):
        importlib.import_module(module.name)
print(*sorted({{module.split(".")[0] for module in sys.modules}} & set({HEAVY!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []

"""The table of faults in docs/reliability.md names tests that there are."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*) ?\|$", re.MULTILINE)
_NODE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def faults() -> list[tuple[int, str]]:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    return [(int(row[0]), row[2]) for row in _ROW.findall(page)]


@cache
def named_in(path: str) -> frozenset[str]:
    parsed = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in parsed.body if isinstance(node, ast.FunctionDef))


def test_all_fifty_faults_are_there_once() -> None:
    assert [number for number, _ in faults()] == [*range(1, 51)]


def test_each_fault_has_a_test_that_exists_or_is_said_to_be_open() -> None:
    for number, cell in faults():
        nodes = _NODE.findall(cell)
        assert nodes or cell.strip() == "**open**", number
        for path, name in nodes:
            assert (ROOT / path).is_file(), (number, path)
            assert name in named_in(path), (number, name)

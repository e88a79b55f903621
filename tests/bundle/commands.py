"""Whether a line of a page would be taken by the command that it names."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from stockade.cli import frame
from stockade.errors import StockadeError, hint
from tests.bundle.checker import MOMENTS
from tests.bundle.files import Bundle
from tests.bundle.workflows import refused_by_bundle

BLOCK = re.compile(r"^(?: {4}|\$ )?(?:[A-Z]\w+=\S+ )*((?:stockade|databricks|make) .*)$", re.M)
INLINE = re.compile(r"`((?:stockade|databricks|make) [^`]+)`")


def commands_in(text: str) -> Iterator[tuple[str, bool]]:
    """Every command of a page without its comment, and whether it stands in a block, whole."""
    for line in BLOCK.findall(text):
        yield re.sub(r"\s+#.*", "", line), True
    for line in INLINE.findall(text.replace("\n", " ")):
        yield line, False


def refused(line: str, root: Path, bundle: Bundle, *, whole: bool = True) -> str | None:
    """None where the line would be taken, else why not; without `whole` it may lack things."""
    words = shlex.split(line)
    if words[0] == "make":
        known = re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.M)
        asked = next((word for word in words[1:] if "=" not in word), "help")
        return None if asked in known else hint(asked, known)
    if words[0] == "databricks":
        return refused_by_bundle(words, bundle) if "-t" in words else None
    said = _refused_by_stockade(words[1:])
    if said is not None and said.startswith("Missing") and not whole:
        return None
    if said is None and words[1:3] == ["jobs", "run"]:
        return _refused_by_jobs(words[3:], bundle)
    return said


def _refused_by_stockade(words: Sequence[str]) -> str | None:
    command: Any = typer.main.get_command(frame.app)
    context: Any = None
    name, rest = "stockade", list(words)
    try:
        while True:
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "resolve_command"):
                break
            given = [*context._protected_args, *context.args]
            name, command, rest = command.resolve_command(context, given)
        for option, value in context.params.items():
            # In capitals it stands for whatever the reader means.
            if option in MOMENTS and value is not None and not value.isupper():
                frame.instant(value)
    except StockadeError as fault:
        return str(fault)
    except Exception as fault:
        # Typer's click is its own in some versions, and the installed one in others.
        said = getattr(fault, "format_message", None)
        if said is None:
            raise
        return str(said()) or f"'{name}' lacks a command"
    return None


def _refused_by_jobs(words: Sequence[str], bundle: Bundle) -> str | None:
    jobs = bundle.resources["jobs"]
    if words[0] not in jobs:
        return f"no job '{words[0]}': {hint(words[0], jobs)}"
    declared = [one["name"] for one in jobs[words[0]].get("parameters", [])]
    given = [word.partition("=")[0] for word in words[1:] if "=" in word]
    strangers = [name for name in given if name not in declared]
    return f"no parameter '{strangers[0]}': {hint(strangers[0], declared)}" if strangers else None

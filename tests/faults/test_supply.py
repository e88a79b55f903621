"""What is installed is what was looked at."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PINNED = re.compile(
    r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^\s;]+( ; .+)? *(--hash=sha256:[0-9a-f]{64} *)+\Z"
)


def requirements(text: str) -> list[str]:
    """Each requirement with its hashes, on one line."""
    kept = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [one for one in "\n".join(kept).replace("\\\n", " ").splitlines() if one.strip()]


def test_every_requirement_is_pinned_with_its_hash() -> None:
    found = requirements((ROOT / "requirements.lock").read_text(encoding="utf-8"))

    assert len(found) > 50
    assert [one for one in found if not _PINNED.match(re.sub(r"\s+", " ", one).strip())] == []


def test_a_requirement_without_a_hash_would_be_found() -> None:
    (one,) = requirements("delta-spark==4.3.1 \\\n    # via stockade\n")

    assert not _PINNED.match(re.sub(r"\s+", " ", one).strip())


def test_nothing_is_installed_that_has_no_hash() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    installs = [line for line in makefile.splitlines() if "pip install" in line and "@" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)

"""What is installed is what was looked at."""

import re
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlparse

import pytest
from pyspark.sql import SparkSession

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


@pytest.mark.slow
def test_the_jars_that_spark_fetched_are_those_that_are_pinned(spark: SparkSession) -> None:
    """`sha256sum *.jar > jars.sha256`, in the folder of the jars, writes the pins anew."""
    lines = (ROOT / "tests/faults/jars.sha256").read_text(encoding="utf-8").splitlines()
    pinned = {name: digest for digest, name in (line.split() for line in lines)}

    fetched = [Path(urlparse(jar).path) for jar in str(spark.conf.get("spark.jars")).split(",")]

    assert {jar.name: sha256(jar.read_bytes()).hexdigest() for jar in fetched} == pinned

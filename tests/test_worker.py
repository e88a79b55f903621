"""The daemon of local Python workers."""

import sys

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from stockade.engine.pack import Batches
from stockade.worker import NoModules, without_archives


def _search_path(batches: Batches) -> Batches:
    for _ in batches:
        pass
    finders = [type(finder).__name__ for finder in sys.path_importer_cache.values()]
    yield pa.record_batch([pa.array([*sys.path, *finders])], names=["entry"])


def test_no_archive_is_read_again_before_each_task(spark: SparkSession) -> None:
    rows = spark.range(1).mapInArrow(_search_path, "entry string").collect()
    entries = {row.entry for row in rows}
    assert entries, "the worker has a search path"
    assert "zipimporter" not in entries


def test_what_a_user_brings_stays_on_the_path() -> None:
    theirs = ["/spark/python/lib/pyspark.zip", "/spark/python/lib/py4j-0.10.9.9-src.zip"]
    ours = ["/app/features.zip", "/app", "/opt/python/lib/python3.11", "/app/python/lib/more.zip"]
    assert without_archives([*theirs, *ours]) == ours
    with pytest.raises(ImportError):
        NoModules("/app/features.zip")

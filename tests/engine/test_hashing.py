"""Outside Spark keys get the bucket that Spark gives them."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from stockade.engine.hashing import buckets_of

WORDS = ["", "a", "né", "four", "fives", "\U0001f600 eight", "x" * 1000, None]
KEYS: dict[str, list[object]] = {
    "tinyint": [0, 1, -1, 127, -128, None],
    "int": [0, 1, -1, 2**31 - 1, -(2**31), None],
    "bigint": [0, 1, -1, 2**32, 2**63 - 1, -(2**63), None],
    "string": [*WORDS],
    "boolean": [True, False, None],
    "date": [date(1970, 1, 1), date(1969, 12, 31), date(2026, 3, 1), None],
    "decimal(18,4)": [Decimal("0"), Decimal("-1.5"), Decimal("99999999999999.9999"), None],
    "decimal(38,6)": [Decimal("0"), Decimal("-1"), Decimal("0.000127"), Decimal("0.000128"),
                      Decimal("-0.000128"), Decimal("-0.000129"), Decimal(10) ** 30, None],
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_goes_where_spark_sends_it(spark: SparkSession, kind: str) -> None:
    rows = [(value, word) for value in KEYS[kind] for word in WORDS]
    frame = spark.createDataFrame(rows, f"k {kind}, w string")
    table = frame.select("*", F.pmod(F.hash("k", "w"), F.lit(997)).alias("bucket")).toArrow()

    found = buckets_of([table.column("k"), table.column("w")], 997)

    np.testing.assert_array_equal(found, table.column("bucket").to_numpy())
    part = buckets_of([table.slice(5).column("k"), table.slice(5).column("w")], 997)
    np.testing.assert_array_equal(part, found[5:])


def test_one_bucket_holds_all(spark: SparkSession) -> None:
    table = spark.createDataFrame([(1,), (2,), (None,)], "k bigint").toArrow()

    assert buckets_of([table.column("k")], 1).tolist() == [0, 0, 0]

"""Sums of money against Python's Decimal."""

import random
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stockade.engine.bucket import Bucket, Events, Queries
from stockade.engine.faults import spark_faults
from stockade.engine.program import Output, result_type
from stockade.errors import DataError

SUMS, TERMS = 10_000, 12
CENTS, WEI = pa.decimal128(38, 2), pa.decimal128(38, 18)
# Python's own context rounds to 28 digits.
EXACT = Context(prec=80)


def test_ten_thousand_sums_equal_pythons_decimal() -> None:
    draw = random.Random(7)  # noqa: S311
    for type_ in (CENTS, WEI):
        amounts = [_amount(draw, type_.scale) for _ in range(SUMS * TERMS // 2)]
        found = _sums(amounts, type_)
        expected = [_total(amounts[n : n + TERMS]) for n in range(0, len(amounts), TERMS)]
        assert found == expected


def test_at_the_edge_of_38_digits_a_sum_is_exact_or_refused() -> None:
    draw = random.Random(8)  # noqa: S311
    edge = [Decimal(sign * value) for sign in (1, -1) for value in (10**38 - 1, 10**37, 1, 0)]
    fitting = 0
    for _ in range(400):
        amounts = [draw.choice(edge) for _ in range(TERMS)]
        total = _total(amounts)
        if -(10**38) < total < 10**38:  # `abs` would round to Python's 28 digits
            fitting += 1
            assert _sums(amounts, pa.decimal128(38, 0)) == [total]
        else:
            with pytest.raises(DataError, match="a sum has more than 38 digits"):
                _sums(amounts, pa.decimal128(38, 0))
    assert 50 < fitting < 350


@pytest.mark.parametrize(
    ("one", "other"), [((38, 0), (38, 0)), ((38, 18), (38, 2)), ((18, 2),) * 2]
)
def test_a_product_in_sql_is_rounded_to_its_type_or_refused(
    spark: SparkSession, one: tuple[int, int], other: tuple[int, int]
) -> None:
    draw, types = random.Random(9), (T.DecimalType(*one), T.DecimalType(*other))  # noqa: S311
    pairs = [tuple(_amount(draw, s, digits=p) for p, s in (one, other)) for _ in range(5_000)]
    schema = T.StructType([T.StructField(n, t) for n, t in zip("ab", types, strict=True)])
    product = spark.createDataFrame(pairs, schema).select(
        "a", "b", F.expr("a * b").alias("product")
    )
    type_ = product.schema["product"].dataType
    assert isinstance(type_, T.DecimalType)
    unit = Decimal(1).scaleb(-type_.scale)
    expected = {(a, b): EXACT.multiply(a, b).quantize(unit, ROUND_HALF_UP, EXACT) for a, b in pairs}
    limit = Decimal(10) ** (type_.precision - type_.scale)
    fits = [pair for pair in pairs if -limit < expected[pair] < limit]
    beyond = [pair for pair in pairs if not -limit < expected[pair] < limit]

    found = spark.createDataFrame(fits, schema).select("a", "b", F.expr("a * b").alias("product"))
    assert {(r["a"], r["b"]): r["product"] for r in found.collect()} == {
        pair: expected[pair] for pair in fits
    }
    assert bool(beyond) == (one[0] == 38)
    for pair in beyond[:3]:
        alone = spark.createDataFrame([pair], schema)
        with pytest.raises(DataError, match="numeric_value_out_of_range"), spark_faults():
            alone.selectExpr("a * b").collect()


def _amount(draw: random.Random, scale: int, *, digits: int = 36) -> Decimal:
    digits = draw.randint(1, digits)
    largest = 10**digits - 1
    return Decimal(draw.randint(-largest, largest)).scaleb(-scale, EXACT)


def _total(amounts: list[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _sums(amounts: list[Decimal], type_: pa.Decimal128Type) -> list[Decimal | None]:
    wanted = Output(
        name="f", kind="sum", value="v", mask=None, window=None, delay=0, inclusive=False, n=1,
        q=0.5, type=result_type("sum", type_, exact=True, who="f"),
    )  # fmt: skip
    entities = len(amounts) // TERMS
    rows = Events(
        key=np.repeat(np.arange(entities), TERMS), time=np.zeros(len(amounts), np.int64),
        visible_from=None, visible_until=None, settling=0,
        values={"v": pa.array(amounts, type_)}, masks={},
    )  # fmt: skip
    asked = Queries(key=np.arange(entities), time=np.ones(entities, np.int64), valid=None)
    (found,) = Bucket(rows, asked, entities=entities).compute([wanted])
    return found.to_pylist()

"""Sums of money against Python's Decimal."""

import random
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa

from stockade.engine.bucket import Bucket, Events, Queries
from stockade.engine.program import Output, result_type

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


def _amount(draw: random.Random, scale: int) -> Decimal:
    digits = draw.randint(1, 36)
    return Decimal(draw.randint(-(10**digits), 10**digits)).scaleb(-scale, EXACT)


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

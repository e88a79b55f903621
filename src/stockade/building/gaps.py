"""Inputs that only one outcome lacks: often they are filled in after the fact."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Fewer rows would be chance; a value that a twentieth as many lack as expected is one-sided.
_LEAST_ROWS, _ONE_SIDED = 10, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A feature that one outcome lacks and the other has.

    Attributes:
        feature: which.
        positive, negative: the share of each outcome's rows in which it is null.
    """

    feature: str
    positive: float
    negative: float

    def __str__(self) -> str:
        """As an audit says it."""
        return (
            f"feature '{self.feature}' is missing for {self.positive:.1%} of positives and "
            f"{self.negative:.1%} of negatives: is it filled in only after the outcome?"
        )


def one_sided_gaps(
    rows: DataFrame, features: Sequence[str], *, positive: Column, negative: Column
) -> tuple[Gap, ...]:
    """The features whose nulls nearly all lie with one outcome, the most telling first; one pass.

    Nulls that are merely more frequent with one outcome are how people differ. A feature is named
    if one outcome lacks it in ten rows or more, and the other in fewer than a twentieth of the
    rows that the same share would be, of which there must be ten too.

    Args:
        rows: labelled decisions; those of neither outcome do not count.
        features: columns of the rows.
        positive, negative: conditions on the rows.
    """
    outcome = F.when(positive, F.lit(True)).when(negative, F.lit(False))
    counted = rows.groupBy(outcome.alias("_outcome")).agg(
        F.count(F.lit(1)).alias("_rows"), *(F.count(name).alias(name) for name in features)
    )
    of = {row["_outcome"]: row for row in counted.collect()}
    if True not in of or False not in of:
        return ()
    sizes = [of[outcome]["_rows"] for outcome in (True, False)]
    found: list[Gap] = []
    for name in features:
        gaps = [of[outcome]["_rows"] - of[outcome][name] for outcome in (True, False)]
        shares = [gap / size for gap, size in zip(gaps, sizes, strict=True)]
        more = int(shares[1] > shares[0])
        expected = shares[more] * sizes[1 - more]
        if min(gaps[more], expected) >= _LEAST_ROWS and gaps[1 - more] * _ONE_SIDED < expected:
            found.append(Gap(feature=name, positive=shares[0], negative=shares[1]))
    return tuple(sorted(found, key=lambda gap: -abs(gap.positive - gap.negative)))

"""Inputs that only one outcome lacks."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from stockade.building.gaps import Gap, one_sided_gaps

FEATURES = ["complete", "filled_in_later", "unlike", "rare"]


def test_only_what_nearly_one_outcome_alone_lacks_is_named(spark: SparkSession) -> None:
    number, one = F.col("id"), F.lit(1)
    # 100 positives, 900 negatives, and 100 rows whose outcome is not known.
    rows = spark.range(1_100).select(
        F.when(number < 100, "positive").when(number < 1_000, "negative").alias("state"),
        one.alias("complete"),
        F.when((number >= 40) & (number < 1_000), one).alias("filled_in_later"),
        # Half of the positives and a tenth of the negatives: how people differ.
        F.when((number >= 50) & (number < 910), one).alias("unlike"),
        # Five negatives: chance.
        F.when(number < 995, one).alias("rare"),
    )

    state = F.col("state")
    found = one_sided_gaps(
        rows, FEATURES, positive=state == "positive", negative=state == "negative"
    )

    assert found == (Gap(feature="filled_in_later", positive=0.4, negative=0.0),)
    assert str(found[0]) == (
        "feature 'filled_in_later' is missing for 40.0% of positives and 0.0% of negatives: is it "
        "filled in only after the outcome?"
    )


def test_rows_of_one_outcome_have_no_gaps(spark: SparkSession) -> None:
    rows = spark.range(100).select(F.lit("negative").alias("state"), F.lit(None).alias("empty"))
    state = F.col("state")

    assert one_sided_gaps(
        rows, ["empty"], positive=state == "positive", negative=state == "negative"
    ) == ()  # fmt: skip

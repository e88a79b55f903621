"""Scores on Spark's workers."""

from collections.abc import Mapping

import numpy as np
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from stockade import Action, Policy
from stockade.champion import Champion, input_matrix
from stockade.decisions import Calibration, DecisionRule
from stockade.errors import ColumnNotFoundError, SchemaError
from stockade.learning.models import fit
from stockade.scoring.score import score
from tests.learning.samples import INPUTS, training_data, training_table

PRINTS = {"logins_1d": "aa", "returns_30d": "bb"}


@pytest.fixture(scope="module")
def deposits(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        training_table(seed=1).drop_columns(["returned", "returned__state", "returned__known_at"])
    )


POLICY = Policy(
    loss="amount",
    actions=(
        Action(name="allow"),
        Action(name="review", cost=4.0, prevented=0.8, capped=True),
        Action(name="block", prevented=1.0, friction=30.0),
    ),
    pass_through=0.2,
)
RULE = DecisionRule(policy=POLICY, mean_loss=20.0, price=1.0, explored=0.1)


def champion(
    algorithm: str = "xgboost",
    *,
    files: Mapping[str, bytes] | None = None,
    rule: DecisionRule | None = None,
) -> Champion:
    params = {
        "xgboost": {"n_estimators": 15, "seeds": 2, "subsample": 0.8},
        "isolation": {"learner": "isolation", "n_estimators": 15},
    }.get(algorithm, {})
    model = fit(params, algorithm, training_data())  # type: ignore[arg-type]
    return Champion(
        params=params,
        categories={},
        name="models.payment_return",
        version=7,
        run_id="",
        algorithm=algorithm,
        inputs=INPUTS,
        fingerprints=PRINTS,
        definitions_json="{}",
        training_table="t",
        training_version="1",
        label="returned",
        metrics={},
        files=model.files() if files is None else files,
        calibration=Calibration("platt", np.array([0.0, 1.0]), np.array([0.1, 0.6])),
        rule=rule,
        judgement={},
        population={name: np.arange(1.0, 100.0) for name in INPUTS},
        meanings={"amount": "the amount in dollars", "logins_1d": "logins in 1 day"},
    )


def scored(rows: DataFrame, model: Champion, *, explain: int = 0) -> DataFrame:
    return score(rows, model, id_columns=["deposit_id"], decided_at="decided_at", explain=explain)


def test_probability_action_and_propensity_are_those_of_the_rule(deposits: DataFrame) -> None:
    rows = deposits.withColumn("amount", F.when(F.col("deposit_id") % 50 > 0, F.col("amount")))

    once, again = (
        scored(part, champion(rule=RULE)).orderBy("deposit_id").toArrow()
        for part in (rows, rows.repartition(3))
    )

    assert once.equals(again)
    probability = once["probability"].to_numpy()
    np.testing.assert_allclose(probability, 0.1 + 0.5 * once["score"].to_numpy())
    amounts = rows.orderBy("deposit_id").toArrow()["amount"].to_numpy()
    due = RULE.due(probability, amounts)
    names = np.array(["allow", "review", "block"])
    actions, propensity = np.array(once["action"].to_pylist()), once["propensity"].to_numpy()
    as_due = actions == names[due]
    share = np.where(due == 0, 0.1, 0.2)
    np.testing.assert_allclose(propensity, np.where(as_due, 1 - share, share))
    # Drawn by lot: about the share, and the lot owes nothing to the score.
    assert abs(1 - as_due[due > 0].mean() - 0.2) < 0.05
    assert set(actions[~as_due & (due == 0)]) == {"review"}
    assert set(actions[~as_due & (due > 0)]) == {"allow"}


def test_reasons_are_the_weightiest_contributions_in_words(deposits: DataFrame) -> None:
    model = champion()

    got = scored(deposits, model, explain=2).orderBy("deposit_id").collect()

    table = deposits.orderBy("deposit_id").toArrow()
    matrix = input_matrix(table, INPUTS, who="test")
    contributions = model.predictor().contributions(matrix)
    for row, added, values in zip(got, contributions, matrix, strict=True):
        expected = [j for j in np.argsort(-added, kind="stable")[:2] if added[j] > 0]
        assert [reason.input for reason in row.reasons] == [INPUTS[j] for j in expected]
        for reason, j in zip(row.reasons, expected, strict=True):
            assert reason.contribution == added[j]
            assert (reason.value is None) == np.isnan(values[j])
    texts = [reason.text for row in got for reason in row.reasons]
    assert any(text.startswith("the amount in dollars: ") for text in texts)
    assert any(text.endswith(": not known") for text in texts)


def test_with_a_policy_reasons_are_of_decisions_that_are_stopped_or_would_be(
    deposits: DataFrame,
) -> None:
    got = scored(deposits, champion(rule=RULE), explain=1).orderBy("deposit_id").toArrow()

    amounts = deposits.orderBy("deposit_id").toArrow()["amount"].to_numpy()
    due = RULE.due(got["probability"].to_numpy(), amounts) > 0
    acted = np.array(got["action"].to_pylist()) != "allow"
    told = np.array([len(row) for row in got["reasons"].to_pylist()])
    assert not told[~(due | acted)].any()
    # A score may be high with nothing that raises it, but seldom is.
    assert told[due].mean() > 0.8
    assert 0 < (due | acted).sum() < len(due)
    alone = scored(deposits, champion(), explain=1).orderBy("deposit_id").toArrow()
    for one, other in zip(got["reasons"].to_pylist(), alone["reasons"].to_pylist(), strict=True):
        assert one in ([], other)


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic", "isolation"])
def test_scores_on_spark_are_those_of_the_model_to_the_bit(
    deposits: DataFrame, algorithm: str
) -> None:
    model = champion(algorithm)

    got = scored(deposits.repartition(5), model).orderBy("deposit_id").toArrow()

    order = np.argsort(np.argsort(training_table(seed=1)["decided_at"].to_numpy(), kind="stable"))
    expected = model.predictor().predict(training_data(seed=1).rows)[order]
    np.testing.assert_array_equal(got["score"].to_numpy(), expected)


def test_the_result_has_the_decision_its_score_and_the_version(deposits: DataFrame) -> None:
    got = scored(deposits, champion())

    assert got.dtypes == [
        ("deposit_id", "bigint"),
        ("decided_at", "timestamp"),
        ("score", "double"),
        ("probability", "double"),
        ("model_name", "string"),
        ("model_version", "int"),
    ]
    first = got.first()
    assert first is not None
    assert (first.model_name, first.model_version) == ("models.payment_return", 7)


def test_an_input_of_another_number_type_or_order_scores_the_same(deposits: DataFrame) -> None:
    model = champion()
    other = deposits.select(
        *reversed(deposits.columns[:-1]), F.col("is_new").cast("int").alias("is_new")
    ).withColumn("logins_1d", F.col("logins_1d").cast("decimal(20,2)"))

    first, second = (
        scored(rows, model).orderBy("deposit_id").toArrow() for rows in (deposits, other)
    )

    assert first["score"].equals(second["score"])


def test_a_missing_input_is_refused_by_name_before_anything_runs(deposits: DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match=r"payment_return' version 7 has no column "
                       "'returns_30d'"):  # fmt: skip
        scored(deposits.drop("returns_30d"), champion())


def test_an_input_that_is_no_number_any_more_is_refused_by_name(deposits: DataFrame) -> None:
    text = deposits.withColumn("amount", F.col("amount").cast("string"))

    with pytest.raises(SchemaError, match="'amount' is string, and the model was trained on a"):
        scored(text, champion())


def test_a_column_with_the_name_of_an_output_is_refused(deposits: DataFrame) -> None:
    with pytest.raises(SchemaError, match="column 'score', which is an output: rename it"):
        score(
            deposits.withColumn("score", F.lit(1)),
            champion(),
            id_columns=["score"],
            decided_at="decided_at",
        )


def test_an_infinite_input_stops_the_run_and_names_the_column(deposits: DataFrame) -> None:
    infinite = deposits.withColumn("amount", F.lit(float("inf")))

    with pytest.raises(PythonException, match="input 'amount' is infinite"):
        scored(infinite, champion()).collect()


def test_a_score_that_is_not_finite_stops_the_run(deposits: DataFrame) -> None:
    whole = champion("logistic").files["model.json"].decode()
    broken = whole.replace('"intercept": ', '"intercept": NaN, "was": ')

    with pytest.raises(PythonException, match=r"no finite score from inputs amount, logins_1d"):
        scored(deposits, champion("logistic", files={"model.json": broken.encode()})).collect()

"""The command from card payments to judged decisions, and how it says what is wrong."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from examples.card_fraud.demo import RENAME
from examples.card_fraud.generator import world, write
from stockade import cli
from stockade.cli import frame
from tests.faults.canaries import SECRETS, leaks, plant

pytestmark = pytest.mark.slow

RENAMES = [part for pair in RENAME.items() for part in ("--rename", "=".join(pair))]
# One customer's number, which must be nowhere but in rows.
WHO = "1987654321"
MONTH = ["--start", "2018-06-01", "--end", "2018-07-20", "--as-of", "2018-07-27"]


@pytest.fixture(scope="module")
def folder(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target with a small world of card payments; `spark` is the session that is used."""
    assert spark.version
    place = tmp_path_factory.mktemp("command")
    path = write(world(0.05, days=130), place / "raw")
    payments = pd.read_parquet(path)
    payments["CUSTOMER_ID"] = payments["CUSTOMER_ID"].replace(1, int(WHO))
    payments.to_parquet(path, index=False, coerce_timestamps="us")
    run(place, "ingest", str(place / "raw" / "transactions.parquet"), "card_transactions",
        "--naive-utc", "TX_DATETIME", *RENAMES)  # fmt: skip
    return place


def run(folder: Path, *arguments: str, exits: int = 0, as_json: bool = False) -> str:
    options = ["-d", "examples.card_fraud", "--target", str(folder)]
    flag = ["--json"] if as_json else []
    found = CliRunner().invoke(frame.app, [*options, *flag, *arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == exits, found.output
    return found.stdout


def test_from_payments_to_judged_decisions(
    folder: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert "definitions are sound" in run(folder, "check")
    assert "+ terminal_risk   new view, 6 features" in run(folder, "plan", exits=2)
    week = ["--start", "2018-07-20", "--end", "2018-07-27"]
    assert "days written, 0 days done already, 0 waiting" in run(
        folder, "materialize", "terminal_risk", *week
    )
    planned = run(folder, "plan", exits=2)
    assert "terminal_risk" not in planned
    plan_id = planned.split()[-1]
    assert "customer_spending version 1, table 'customer_spending': current" in run(
        folder, "apply", plan_id, "--keep-until", "2100-01-01"
    )
    assert "nothing to do" in run(folder, "plan")
    assert "+ customer_spending   new view" in run(folder, "history", "customer_spending")

    built = json.loads(run(folder, "build", "published_training", *MONTH, as_json=True))
    assert built["label_states"]["pending"] == 0
    assert built["label_states"]["positive"] > 0
    assert "no value is later than its decision" in run(folder, "audit", "published_training")
    assert "0 differences" in run(folder, "verify", "published_training", "--sample", "20")

    asked = ["--key", f"customer_id={WHO}", "--at", "2018-07-20T12:00", "--misses", "2"]
    told = run(folder, "explain", "customer_spending.customer_mean_amount_7d", *asked)
    data = json.loads(
        run(folder, "explain", "customer_spending.customer_mean_amount_7d", *asked, as_json=True)
    )
    assert told.startswith(f"customer_spending.customer_mean_amount_7d = {data['value']}")
    assert "window (2018-07-13 12:00:00, 2018-07-20 12:00:00], UTC" in told
    assert sum(event["part"] for event in data["events"]) == pytest.approx(data["value"])
    assert len(data["misses"]) == 2

    trained = run(folder, "train", "card_fraud_published", "--trials", "2", "--runner", "serial")
    assert "registered 'card_fraud_published' version 1 as challenger" in trained
    assert "version 1 is champion" in run(folder, "promote", "card_fraud_published")
    assert "identical, bit for bit" in run(folder, "rebuild", "published_training")
    assert "are as recorded" in run(folder, "restate", "published_training")
    since = ["--since", "2018-07-06", "--until", "2018-07-20", "--every", "week"]
    replayed = run(folder, "backtest", "card_fraud_published", *since)
    assert [line.split()[0] for line in replayed.splitlines()[3:]] == [
        "2018-07-06", "2018-07-13", "all",
    ]  # fmt: skip
    tempted = json.loads(run(folder, "leak", "card_fraud_published", "--days", "8", as_json=True))
    assert tempted["promised"]["roc_auc"] > tempted["honest"]["roc_auc"]
    assert "with hindsight, as it would do in use" in run(folder, "leak", "card_fraud_published")
    papers = folder / "papers"
    written = run(folder, "document", "card_fraud_published", "--out", str(papers)).split()
    assert written == [str(papers / "model_risk.md"), str(papers / "model_risk.html")]
    assert "## 4. Outcomes analysis" in (papers / "model_risk.md").read_text()

    versions = json.loads(run(folder, "history", "card_fraud_published", as_json=True))["versions"]
    assert [(one["version"], one["aliases"]) for one in versions] == [(1, ["champion"])]
    days = ["--since", "2018-07-27", "--until", "2018-07-29"]
    scored = json.loads(run(folder, "score", "card_fraud_published", *days, as_json=True))
    again = json.loads(run(folder, "score", "card_fraud_published", *days, as_json=True))
    assert scored["rows"] == again["rows"] > 0
    predictions = folder / "warehouse" / "card_fraud_published_predictions"
    scored_row = spark.read.format("delta").load(str(predictions)).first()
    assert scored_row is not None
    # It holds what the events hold: it is not searched for leaks.
    page = folder.with_name("decision.html")
    why = run(folder, "explain", "decision", str(scored_row.transaction_id), "--reasons", "1",
              "--html", str(page))  # fmt: skip
    assert f"decision transaction_id={scored_row.transaction_id} at" in why
    assert "on record it has the same score" in why
    assert "What was decided" in page.read_text()
    site, looker = folder / "site", folder / "looker"
    assert run(folder, "catalog", "--to", str(site)).strip() == str(site / "index.html")
    assert "newest scored day" in (site / "model-card_fraud_published.html").read_text()
    assert "each read back by a parser" in run(folder, "export", "lookml", "--to", str(looker))
    assert (looker / "views" / "terminal_risk.view.lkml").exists()
    run(folder, "train", "card_fraud_published", "--trials", "1", "--runner", "serial")
    shadow = ["--shadow", "--explain", "3"]
    other = json.loads(run(folder, "score", "card_fraud_published", *days, *shadow, as_json=True))
    assert (other["table"], other["version"]) == ("card_fraud_published_predictions_shadow", "2")
    assert other["rows"] == scored["rows"]
    judged = run(folder, "evaluate", "card_fraud_published", *days, "--as-of", "2018-08-08")
    assert "average precision" in judged
    assert leaks(folder, [WHO, *SECRETS.values()]) == []


def test_faults_are_lines_on_stderr_and_exit_code_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-d", "examples.card_fraud", "--target", str(folder), "build", "publshed_training"]
    monkeypatch.setattr(sys, "argv", ["stockade", *arguments, *MONTH])

    with pytest.raises(SystemExit) as raised:
        cli.main()

    assert raised.value.code == 1
    assert capsys.readouterr().err.strip() == (
        "error: no training set is called 'publshed_training': did you mean 'published_training'?"
    )


def test_a_jobs_options_may_stand_anywhere() -> None:
    given = ["published_training", "--target", "x", "--start=2018-06-01", "--json", "-d", "a.b"]

    assert frame._arguments("build", given) == [
        "--target", "x", "--json", "-d", "a.b", "build", "published_training", "--start=2018-06-01",
    ]  # fmt: skip

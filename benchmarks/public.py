"""Public data through the same engine, pack and learners: `python -m benchmarks.public FOLDER`.

FOLDER holds one folder for each data set: address_poisoning, graphsense_tags, ofac_addresses,
amlsim_20k, ethereum_accounts, sms_spam, etherscamdb. None is shipped; docs/benchmarks.md names
their origins. `--only NAME ...` takes some.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table as Sheet
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score

from benchmarks.public_flows import Figure, address_poisoning, amlsim, exposure, folded
from stockade.building.gaps import one_sided_gaps
from stockade.learning.data import from_arrays
from stockade.learning.models import fit_predict
from stockade.ngrams import hashed_ngrams
from stockade.session import session
from stockade.target import Target

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


# --- ethereum_accounts: columns that are missing for the illicit only ---


def ethereum_accounts(spark: SparkSession, folder: Path) -> Iterator[Figure]:
    """What being missing tells alone, what an audit says of it, and what is left without."""
    rows = pd.read_parquet(folder / "accounts.parquet").drop_duplicates("address")
    bad = rows.flag.to_numpy() == 1
    values = rows.drop(columns=["flag"]).select_dtypes(include="number").astype(float)
    # Arrow knows a null from a NaN.
    given = spark.createDataFrame(pa.Table.from_pandas(values.assign(bad=bad)))
    label = F.col("bad")
    gaps = one_sided_gaps(given, [str(name) for name in values], positive=label, negative=~label)
    leaking = [gap.feature for gap in gaps]
    data = "ethereum_accounts"
    yield Figure(
        data=data, what=f"{len(leaking)} columns that an audit names, missing for",
        found=f"{gaps[0].positive:.1%} of the illicit",
        beside=f"{gaps[0].negative:.1%} of the others",
    )  # fmt: skip
    missing = values[leaking].isna()
    for what, part in (("all columns", values), ("without those", values.drop(columns=leaking)),
                       ("whether they are missing, alone", missing)):  # fmt: skip
        auc = folded(part.to_numpy(float), bad)
        yield Figure(data=data, what=f"AUC, 5-fold, {what}", found=f"{auc:.3f}")


# --- sms_spam, etherscamdb: text, hashed ---


def sms_spam(_: SparkSession, folder: Path) -> Iterator[Figure]:
    """Five draws of the authors' split: 30 % to learn from, 70 % to judge; logistic regression."""
    rows = pd.read_parquet(folder / "messages.parquet")
    for what, part in (("", rows), (", duplicates dropped", rows.drop_duplicates())):
        bad = part.label.to_numpy() == "spam"
        pieces = hashed_ngrams(pa.chunked_array([pa.array(part.text)]), 2048)
        told: list[tuple[float, ...]] = []
        for seed in range(5):
            lots = np.random.default_rng(seed).random(len(part)) < 0.3
            score = _scores(pieces, bad, lots)
            called = score >= 0.5
            told.append((
                float((called == bad[~lots]).mean()), float(called[bad[~lots]].mean()),
                float(called[~bad[~lots]].mean()), float(matthews_corrcoef(bad[~lots], called)),
                float(roc_auc_score(bad[~lots], score)),
            ))  # fmt: skip
        accuracy, caught, blocked, mcc, auc = np.mean(told, axis=0)
        yield Figure(
            data="sms_spam",
            what=f"accuracy, spam caught, ham blocked, MCC, AUC{what}",
            found=f"{accuracy:.1%}, {caught:.1%}, {blocked:.2%}, {mcc:.3f}, {auc:.3f}",
            beside="97.6%, 83.1%, 0.18%, .893 published" if not what else "",
        )


def etherscamdb(_: SparkSession, folder: Path) -> Iterator[Figure]:
    """Phishing or another scam, by the site's name; the last 40 % of reports are judged."""
    rows = pd.read_parquet(folder / "scams.parquet").dropna(subset=["name", "category"])
    rows = rows.assign(number=rows.id.astype(int)).sort_values("number")
    bad = rows.category.to_numpy() == "Phishing"
    early = np.arange(len(rows)) < 0.6 * len(rows)
    pieces = hashed_ngrams(pa.chunked_array([pa.array(rows.name)]), 2048)
    score = _scores(pieces, bad, early)
    yield Figure(
        data="etherscamdb", what="phishing by a site's name, later reports: AUC, AP",
        found=f"{roc_auc_score(bad[~early], score):.3f}, "
        f"{average_precision_score(bad[~early], score):.3f}",
        beside=f"share of phishing {bad[~early].mean():.3f}",
    )  # fmt: skip


def _scores(pieces: NDArray[np.float32], bad: Flags, train: Flags) -> Floats:
    data = from_arrays(
        pieces[train], bad[train], np.arange(int(train.sum())).astype("datetime64[s]"),
        inputs=[f"p{n}" for n in range(pieces.shape[1])],
    )  # fmt: skip
    return fit_predict({}, "logistic", data, pieces[~train])


RUNS: Mapping[str, tuple[str, Callable[[SparkSession, Path], Iterator[Figure]]]] = {
    "address_poisoning": ("address_poisoning", address_poisoning),
    "exposure": ("graphsense_tags", exposure),
    "amlsim": ("amlsim_20k", amlsim),
    "ethereum_accounts": ("ethereum_accounts", ethereum_accounts),
    "sms_spam": ("sms_spam", sms_spam),
    "etherscamdb": ("etherscamdb", etherscamdb),
}


def main(given: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.public", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the data sets lie")
    parser.add_argument("--only", nargs="*", choices=RUNS, help="some of them")
    arguments = parser.parse_args(given)
    spark = session(Target.local(Path(".stockade/benchmarks")), memory="4g")
    sheet = Sheet("data", "what", "found", "beside")
    for name, (place, run) in RUNS.items():
        if not arguments.only or name in arguments.only:
            for one in run(spark, arguments.folder / place):
                sheet.add_row(one.data, one.what, one.found, one.beside)
    Console(width=170).print(sheet)
    spark.stop()


if __name__ == "__main__":
    main()

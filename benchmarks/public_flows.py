"""Public chains and transfers through the engine and the pack; see benchmarks.public."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from stockade import (
    LIFETIME,
    Entity,
    EventSource,
    FeatureView,
    FlowView,
    count,
    count_distinct,
    cycles,
    days,
    hops,
    mean,
    sum_,
    tainted_share,
)
from stockade.definitions.view import Selection, View
from stockade.engine.bind import History
from stockade.engine.operator import attach
from stockade.learning.data import from_arrays
from stockade.learning.models import Params, fit_predict
from trust_safety.features.destinations import (
    ENDS,
    destination_novelty,
    is_lookalike,
    lookalikes,
    paid_back,
)

Given = tuple[View, DataFrame] | tuple[View, DataFrame, DataFrame]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
TREES: Params = {"n_estimators": 200, "max_depth": 5, "learning_rate": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: a measure of a data set, and what it stands beside."""

    data: str
    what: str
    found: str
    beside: str = ""


# --- address_poisoning: the pack's look-alikes, on payoffs that were confirmed ---


def address_poisoning(spark: SparkSession, folder: Path) -> Iterator[Figure]:
    """Whether the pack sees that the address is another than the one that was meant."""
    payoffs = _payoffs(folder)
    for bait in (False, True):
        told = _looked_at(spark, payoffs, bait=bait)
        planted = "dust from it came before" if bait else "nothing came from it before"
        for kind, what in (
            ("poisoned", f"payoffs that are flagged, {planted}"),
            ("repeated", f"sends to the address that was meant, flagged, {planted}"),
            ("stranger", "sends to another victim's address, flagged"),
        ):
            flags = told[told.kind == kind].is_lookalike
            if not (bait and kind == "stranger"):
                share = f"{flags.mean():.1%} of {len(flags):,}"
                yield Figure(data="address_poisoning", what=what, found=share)


def _payoffs(folder: Path) -> pd.DataFrame:
    """The first payoff of each victim to each planted address, in order of its block."""
    chains = [
        pd.read_parquet(folder / f"payoff_transfers_{chain}.parquet").assign(
            at=lambda rows, step=step: (
                pd.Timestamp("2023-01-01", tz="UTC")
                + pd.to_timedelta((rows.block_number - rows.block_number.min()) * step, unit="s")
            )
        )
        for chain, step in (("ethereum", 12), ("bsc", 3))
    ]
    rows = pd.concat(chains).rename(
        columns={"topics_from_addr": "user_id", "topics_to_addr": "planted",
                 "intended_addr": "meant"}
    )  # fmt: skip
    rows = rows.sort_values(["at", "tx_hash"]).drop_duplicates(["user_id", "planted"])
    return rows[["user_id", "planted", "meant", "at"]].reset_index(drop=True)


def _looked_at(spark: SparkSession, payoffs: pd.DataFrame, *, bait: bool) -> pd.DataFrame:
    """Each victim has sent to the address that was meant; then decisions of three kinds."""
    day, hour = pd.Timedelta(days=1), pd.Timedelta(hours=1)
    sent = payoffs.assign(address=payoffs.meant, met_at=payoffs["at"] - day, is_sent=True)
    dust = payoffs.assign(address=payoffs.planted, met_at=payoffs["at"] - hour, is_sent=False)
    met = pd.concat([sent, dust]) if bait else sent
    met = met.assign(
        meeting_id=np.arange(len(met)), ingested_at=met.met_at,
        amount_usd=np.where(met.is_sent, 1_000.0, 0.01),
    ).drop(columns=["planted", "meant", "at"])  # fmt: skip
    meant = {"poisoned": payoffs.planted, "repeated": payoffs.meant,
             "stranger": np.roll(payoffs.meant, len(payoffs) // 2)}  # fmt: skip
    spine = pd.concat(
        payoffs[["user_id"]].assign(kind=kind, address=address, decided_at=payoffs["at"])
        for kind, address in meant.items()
    )
    ends = F.expr(ENDS.format("address"))
    meetings = _rows(spark, met).withColumn("address_ends", ends)
    withdrawals = meetings.where("is_sent").select(
        "user_id", "address", "amount_usd", F.col("meeting_id").alias("withdrawal_id"),
        F.col("met_at").alias("requested_at"), "ingested_at",
    )  # fmt: skip
    deposits = meetings.where("NOT is_sent").select(
        "user_id", F.col("address").alias("from_address"), "amount_usd",
        F.col("meeting_id").alias("deposit_id"), F.col("met_at").alias("credited_at"),
        "ingested_at",
    )  # fmt: skip
    rows = _attached(
        _rows(spark, spine).withColumn("address_ends", ends),
        [(lookalikes, meetings), (destination_novelty, withdrawals), (paid_back, deposits)],
    )
    return rows.select("kind", F.expr(is_lookalike.expression).alias("is_lookalike")).toPandas()


# --- graphsense_tags, ofac_addresses: exposure as of t, by the clock of publication ---

_address = Entity(name="address", keys="address")
_transfers = EventSource(name="transfers", origin="transfers", event_time="at")
_tags = EventSource(
    name="tags", origin="tags", event_time="stated_at", available_at="published_at"
)  # fmt: skip
_tags_one_clock = EventSource(name="tags_one_clock", origin="tags", event_time="stated_at")


def _exposure(labels: EventSource) -> FlowView:
    return FlowView(
        name=f"exposure_by_{labels.name}", entity=_address, source=_transfers,
        sender="sender", receiver="receiver", amount="cents", labels=labels, category="category",
        measures={
            f"hops_{labels.name}": hops(),
            f"share_{labels.name}": tainted_share(windows=(LIFETIME,)),
        },
    )  # fmt: skip


def exposure(spark: SparkSession, folder: Path) -> Iterator[Figure]:
    """Two hops behind every address that somebody named: what was known when, real labels.

    The transfers are made: each named address pays somebody who has three times as much from a
    clean one, and passes all of it on. So the share is a quarter from the day of publication.
    """
    tags = _named(folder)
    first = tags.groupby("address", as_index=False).agg(
        stated_at=("stated_at", "min"), published_at=("published_at", "min")
    )
    # Where both days are one, a clock less makes no difference.
    first = first[first.stated_at < first.published_at]
    n, begin = np.arange(len(first)).astype(str), pd.Timestamp("2015-01-01", tz="UTC")
    steps = (("named", first.address, "n" + n, 1), ("clean", "c" + n, "n" + n, 3),
             ("on", "n" + n, "m" + n, 4))  # fmt: skip
    transfers = pd.concat(
        pd.DataFrame({"sender": sender, "receiver": receiver, "cents": 100 * cents,
                      "at": begin + pd.Timedelta(days=place)})
        for place, (_, sender, receiver, cents) in enumerate(steps)
    )  # fmt: skip
    second = pd.Timedelta(seconds=1)
    spine = pd.concat(
        pd.DataFrame({"address": "m" + n, "decided_at": first.published_at - before, "when": when})
        for when, before in (("before", second), ("after", 0 * second))
    )  # fmt: skip
    paid, named = _rows(spark, transfers), _rows(spark, tags)
    views = [(_exposure(one), paid, named) for one in (_tags, _tags_one_clock)]
    told = _attached(_rows(spark, spine), views).toPandas()
    data = "graphsense_tags, ofac_addresses"
    for when in ("before", "after"):
        rows = told[told.when == when]
        quarter = np.isclose(rows.share_tags_lifetime, 0.25) & (rows.hops_tags == 2)
        moment = "a second before publication" if when == "before" else "at publication"
        one_clock = int(rows.hops_tags_one_clock.notna().sum())
        yield Figure(
            data=data, what=f"exposed {moment}, two hops away",
            found=f"{int(rows.hops_tags.notna().sum()):,} of {len(rows):,}, "
            f"{int(quarter.sum()):,} with a share of 1/4",
            beside=f"by the stated date alone {one_clock:,}",
        )  # fmt: skip


def _named(folder: Path) -> pd.DataFrame:
    """Abuse tags and sanctions with both clocks; a tag is public once its pack is."""
    tags = pd.read_parquet(folder / "tags.parquet")
    tags = tags[tags.abuse.notna()].assign(
        stated_at=pd.to_datetime(tags.lastmod, errors="coerce", format="ISO8601", utc=True),
        category=tags.abuse,
    )
    tags["published_at"] = tags[["stated_at", "pack_first_commit"]].max(axis=1, skipna=False)
    listed = pd.read_parquet(folder.parent / "ofac_addresses" / "sanctioned_addresses.parquet")
    listed = listed.assign(
        stated_at=listed.first_listed_at, published_at=listed.first_listed_at, category="sanctioned"
    )
    columns = ["address", "category", "stated_at", "published_at"]
    return pd.concat([tags[columns], listed[columns]]).dropna()


# --- amlsim_20k: fan-in and circles at each receipt, judged by account ---

_account = Entity(name="account", keys="account_id")
_paid = EventSource(name="paid", origin="paid", event_time="at")
_SPANS = (days(3), days(7), days(14), days(30), LIFETIME)
_receipts = FeatureView(
    name="receipts", entity=_account, source=_paid, keys={"account_id": "receiver"},
    aggregates={
        "receipts": count(windows=_SPANS), "payers": count_distinct("sender", windows=_SPANS),
        "received": sum_("cents", windows=_SPANS), "mean_receipt": mean("cents", windows=_SPANS),
    },
)  # fmt: skip
_sends = FeatureView(
    name="sends", entity=_account, source=_paid, keys={"account_id": "sender"},
    aggregates={
        "sends": count(windows=_SPANS), "payees": count_distinct("receiver", windows=_SPANS),
        "sent": sum_("cents", windows=_SPANS), "mean_send": mean("cents", windows=_SPANS),
    },
)  # fmt: skip
_circles = FlowView(
    name="circles", entity=_account, source=_paid, sender="sender", receiver="receiver",
    measures={
        f"circles_of_{length}": cycles(length=length, windows=(days(14), days(60), LIFETIME))
        for length in (2, 3, 4)
    },
)  # fmt: skip


def amlsim(spark: SparkSession, folder: Path) -> Iterator[Figure]:
    """Account AUC of the greatest value each feature had a moment after any receipt or payment."""
    for kind in ("fanin", "cycle"):
        nodes = pd.read_parquet(folder / f"nodes_{kind}200.parquet")
        given = pd.read_parquet(folder / f"transactions_{kind}200.parquet")
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(given.time, unit="D")
        paid = pd.DataFrame(
            {
                "sender": given.sourceNodeId,
                "receiver": given.targetNodeId,
                "cents": (given.value * 100).round().astype("int64"),
                "at": at,
            }
        )
        moments = pd.concat(
            pd.DataFrame({"account_id": paid[side], "decided_at": at + pd.Timedelta(seconds=1)})
            for side in ("sender", "receiver")
        ).drop_duplicates()  # fmt: skip
        events = _rows(spark, paid)
        told = _attached(
            _rows(spark, moments),
            [(_receipts, events), (_sends, events), (_circles, events)],
        )  # fmt: skip
        names = [name for name in told.columns if name not in ("account_id", "decided_at")]
        greatest = told.groupBy("account_id").agg(*(F.max(name).alias(name) for name in names))
        rows = nodes.merge(greatest.toPandas(), left_on="nodeid", right_on="account_id", how="left")
        bad = rows.isFraud.to_numpy() == 1
        values = rows[names].astype(float)
        data = f"amlsim_20k, {kind}"
        for part in ("payers", "circles"):
            aucs = {
                name: roc_auc_score(bad, values[name].fillna(0))
                for name in names
                if name.startswith(part)
            }
            best = max(aucs, key=lambda name: aucs[name])
            yield Figure(
                data=data, what=f"account AUC of `{best}` alone", found=f"{aucs[best]:.3f}"
            )
        degrees = [name for name in names if name.endswith("lifetime") and "circles" not in name]
        yield Figure(
            data=data, what="account AUC, 5-fold, all features",
            found=f"{folded(values.to_numpy(float), bad):.3f}",
            beside=f"{folded(values[degrees].to_numpy(float), bad):.3f} by counts and amounts of "
            "the whole history",
        )  # fmt: skip


def _rows(spark: SparkSession, rows: pd.DataFrame) -> DataFrame:
    """The rows on Spark, instants in microseconds."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for place, one in enumerate(table.schema):
        if pa.types.is_timestamp(one.type):
            micros = table.column(place).cast(pa.timestamp("us", tz="UTC"))
            table = table.set_column(place, one.name, micros)
    return spark.createDataFrame(table)


def _attached(spine: DataFrame, views: Sequence[Given]) -> DataFrame:
    """The spine with every feature of the views, each given with the rows of its sources."""
    histories = [
        History(
            Selection(view=view, names=tuple(one.name for one in view.features())), first,
            tuple(rest),
        )
        for view, first, *rest in views
    ]  # fmt: skip
    return attach(spine, histories, decided_at="decided_at").rows


def folded(values: Floats, bad: Flags) -> float:
    """AUC of what was not learnt from, over five folds."""
    fold = np.random.default_rng(0).permutation(len(bad)) % 5
    scores = np.zeros(len(bad))
    for one in range(5):
        train = fold != one
        data = from_arrays(
            values[train], bad[train], np.arange(int(train.sum())).astype("datetime64[s]"),
            inputs=[f"x{n}" for n in range(values.shape[1])],
        )  # fmt: skip
        scores[~train] = fit_predict(TREES, "xgboost", data, values[~train].astype(np.float32))
    return float(roc_auc_score(bad, scores))

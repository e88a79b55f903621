"""Faults of data as they happen to everyone; each changes one table from, or on, one day."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from trust_safety.simulator.columns import ARROW
from trust_safety.simulator.tables import TABLES, TIMESTAMP, USD
from trust_safety.simulator.world import DAY, HOUR, MINUTE, ORIGIN, START, World

# pyarrow's stubs know little of `compute`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportReturnType=false

Fault = Callable[[pa.Table, int], pa.Table]


def _moment(micros: int) -> pa.Scalar:
    return pa.scalar(micros, pa.int64()).cast(ARROW[TIMESTAMP])


def _since(rows: pa.Table, column: str, at: int) -> pa.ChunkedArray:
    return pc.greater_equal(rows[column], _moment(at))


def _of_day(rows: pa.Table, column: str, at: int) -> pa.ChunkedArray:
    return pc.and_(_since(rows, column, at), pc.less(rows[column], _moment(at + DAY)))


def _with(rows: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    place = rows.column_names.index(column)
    return rows.set_column(place, rows.schema.field(place), values)


def _later(times: pa.ChunkedArray, micros: int) -> pa.ChunkedArray:
    return pc.add(times.cast(pa.int64()), micros).cast(ARROW[TIMESTAMP])


def late_partition(rows: pa.Table, at: int) -> pa.Table:
    """Transfers of one day arrive three days late."""
    late = _of_day(rows, "requested_at", at)
    arrival = rows["ingested_at"]
    return _with(rows, "ingested_at", pc.if_else(late, _later(arrival, 3 * DAY), arrival))


def duplicated_batch(rows: pa.Table, at: int) -> pa.Table:
    """Sign-ins of one day are delivered again six hours later."""
    again = rows.filter(_of_day(rows, "attempted_at", at))
    again = _with(again, "ingested_at", _later(again["ingested_at"], 6 * HOUR))
    return pa.concat_tables([rows, again])


def cents(rows: pa.Table, at: int) -> pa.Table:
    """Withdrawals say cents where they said dollars."""
    amount = rows["amount_usd"]
    hundred = pa.scalar(Decimal(100), pa.decimal128(3, 0))
    more = pc.multiply(amount, hundred).cast(ARROW[USD])
    return _with(rows, "amount_usd", pc.if_else(_since(rows, "requested_at", at), more, amount))


def null_device(rows: pa.Table, at: int) -> pa.Table:
    """A release of the iOS app forgets to send the device."""
    hit = pc.and_(_since(rows, "attempted_at", at), pc.equal(rows["platform"], "ios"))
    gone = pc.if_else(hit, pa.scalar(None, pa.string()), rows["device_id"])
    return _with(rows, "device_id", gone)


def clock_skew(rows: pa.Table, at: int) -> pa.Table:
    """Android's clock is ninety minutes ahead."""
    hit = pc.and_(_since(rows, "attempted_at", at), pc.equal(rows["platform"], "android"))
    moment = rows["attempted_at"]
    return _with(rows, "attempted_at", pc.if_else(hit, _later(moment, 90 * MINUTE), moment))


def renamed_category(rows: pa.Table, at: int) -> pa.Table:
    """A debit is called ACH instead of ach_debit."""
    rail = rows["rail"]
    hit = pc.and_(_since(rows, "requested_at", at), pc.equal(rail, "ach_debit"))
    return _with(rows, "rail", pc.if_else(hit, pa.scalar("ACH"), rail))


FAULT_OF: Mapping[str, tuple[str, Fault]] = MappingProxyType(
    {
        "late_partition": ("obs_fiat_transfers", late_partition),
        "duplicated_batch": ("obs_logins", duplicated_batch),
        "cents": ("obs_crypto_withdrawals", cents),
        "null_device": ("obs_logins", null_device),
        "clock_skew": ("obs_logins", clock_skew),
        "renamed_category": ("obs_fiat_transfers", renamed_category),
    }
)
"""By the switch's name: the table that it hits, and what it does to rows from an instant on."""


def faulty(world: World, name: str, rows: pa.Table) -> pa.Table:
    """A table with the faults that are switched on in a world."""
    for switch in world.switches:
        hit, fault = FAULT_OF.get(switch.name, ("", None))
        if fault is not None and hit == name:
            rows = fault(rows, instant(switch.on))
    return rows.select(TABLES[name].column_names)


def instant(day: date) -> int:
    """Midnight (UTC) of a day, in microseconds since 1970."""
    return ORIGIN + (day - START).days * DAY

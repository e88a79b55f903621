"""From what happened to what arrives: late rows, copies, and the moments they are known."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import table, times
from trust_safety.simulator.draws import Array, Draws, lognormal
from trust_safety.simulator.tables import TABLES
from trust_safety.simulator.world import HOUR, MINUTE, SECOND, World

# Deliveries that a queue repeats now and then; what is loaded from a file is not.
_QUEUED = (
    "obs_logins",
    "obs_sessions",
    "obs_account_changes",
    "obs_fiat_transfers",
    "obs_orders",
    "obs_order_cancels",
    "obs_trades",
    "obs_crypto_deposits",
    "obs_crypto_withdrawals",
    "obs_decisions",
    "obs_chain_transfers",
)


class Delivery:
    """Makes tables of rows, and says when each row arrived."""

    def __init__(self, world: World) -> None:
        """Take the rates of lateness and of copies."""
        self._seed = world.seed
        self._late = world.rates["noise.late"]
        self._copies = world.rates["noise.copies"]

    def lag(self, name: str, number: Array, rank: Array) -> Array:
        """Microseconds from the event to its arrival: seconds, now and then hours."""
        a, b, _, _ = Draws(self._seed, f"lag {name}").uniform(number, rank)
        usual = lognormal(a, 3.0, 0.9) * SECOND
        late = HOUR * (0.5 + 20 * b**2)
        return np.where(a > 1 - self._late, late, usual).astype(np.int64)

    def rows(
        self,
        name: str,
        columns: Mapping[str, pa.Array | Array],
        *,
        at: Array,
        number: Array,
        rank: Array,
    ) -> pa.Table:
        """A table whose rows arrive by themselves; `ingested_at` is added, and some come twice.

        Args:
            name: the table.
            columns: all but `ingested_at`.
            at: when each row was sent.
            number: the entity, and `rank` the row's number among the entity's.
            rank: see `number`.
        """
        known = TABLES[name]
        arrival = at + self.lag(name, number, rank)
        made = table(name, {**columns, "ingested_at": times(arrival)})
        if name not in _QUEUED:
            return made
        a, b, _, _ = Draws(self._seed, f"copies {name}").uniform(number, rank)
        again = np.flatnonzero(a < self._copies)
        if not again.size:
            return made
        copies = made.filter(pa.array(a < self._copies))
        later = arrival[again] + MINUTE + (4 * HOUR * b[again]).astype(np.int64)
        place = known.column_names.index("ingested_at")
        copies = copies.set_column(place, made.schema.field(place), times(later))
        return pa.concat_tables([made, copies])

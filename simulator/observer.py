"""What a run of communities looks like from inside the exchange, and its ids."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from trust_safety.simulator.columns import (
    Ids,
    blank,
    hexes,
)
from trust_safety.simulator.deliver import Delivery
from trust_safety.simulator.draws import Array, Draws
from trust_safety.simulator.play import Played
from trust_safety.simulator.script import Columns

Tables = dict[str, pa.Table]

# Kinds of ids, so that a transfer's and a login's never agree.
_LOGIN, _ACT, _SESSION, _SECOND = 2, 3, 4, 5


@dataclass(frozen=True, slots=True, eq=False)
class Observer:
    """Ids and arrivals for the rows of one run of cells."""

    played: Played
    ids: Ids
    delivery: Delivery

    @classmethod
    def of(cls, played: Played) -> "Observer":
        """For what was played."""
        return cls(played, Ids(played.world.seed), Delivery(played.world))

    def draws(self, purpose: str) -> Draws:
        """A generator of the world's."""
        return Draws(self.played.world.seed, purpose)

    def number(self, rows: Columns, chosen: Array) -> Array:
        """The numbers of the users of some rows."""
        return self.played.people.number[rows["person"][chosen]]

    def user(self, rows: Columns, chosen: Array) -> pa.Array:
        """The ids of the users of some rows."""
        return self.ids.user(self.number(rows, chosen))

    def act_code(self, chosen: Array) -> Array:
        """Numbers that identify acts."""
        acts = self.played.acts
        return self.ids.code(self.number(acts, chosen), acts["rank"][chosen], _ACT)

    def acts(self, prefix: str, chosen: Array) -> pa.Array:
        """Ids of acts."""
        return hexes(prefix, self.act_code(chosen))

    def second(self, prefix: str, chosen: Array) -> pa.Array:
        """Ids of what an act leaves besides itself: a decision, a trade, a warning."""
        acts = self.played.acts
        what = _SECOND + ord(prefix)
        return hexes(prefix, self.ids.code(self.number(acts, chosen), acts["rank"][chosen], what))

    def logins(self, chosen: Array) -> pa.Array:
        """Ids of sign-in attempts."""
        logins = self.played.logins
        code = self.ids.code(self.number(logins, chosen), logins["rank"][chosen], _LOGIN)
        return hexes("l", code)

    def sessions(self, login: Array) -> pa.Array:
        """Ids of the sessions that logins opened; null where there is none."""
        logins = self.played.logins
        some = np.maximum(login, 0)
        if not logins["at"].size:
            return pa.nulls(login.size, pa.string())
        code = self.ids.code(self.number(logins, some), logins["rank"][some], _SESSION)
        opened = (login >= 0) & (logins["outcome"][some] == 0)
        return blank(hexes("s", code), ~opened)

    def arrive(
        self, name: str, columns: dict[str, pa.Array | Array], rows: Columns, chosen: Array
    ) -> pa.Table:
        """A table of rows that were sent when they happened."""
        return self.delivery.rows(
            name,
            columns,
            at=rows["at"][chosen],
            number=self.number(rows, chosen),
            rank=rows["rank"][chosen],
        )

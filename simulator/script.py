"""What people mean to do, before balances, limits and our policy have their say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from trust_safety.simulator.draws import Array
from trust_safety.simulator.markets import Markets
from trust_safety.simulator.people import People
from trust_safety.simulator.world import World

# Kinds of acts; those from `SETTLE` on are not somebody's wish.
IN, OUT, BUY, SELL, DEPOSIT, WITHDRAW, CANCEL, SWAP, SETTLE, RETURN, RESTORE, CLOSE = range(12)

RAILS = ("ach_debit", "ach_credit", "wire", "rtp", "card")
ACH_DEBIT, ACH_CREDIT, WIRE, RTP, CARD = range(5)

# How an act's `value` is meant: cents; a share of the dollars or coins there are; of what another
# act moved.
CENTS, SHARE, OF_ACT = range(3)

TYPOLOGIES = (
    "none",
    "nsf",
    "administrative",
    "remorse",
    "friendly",
    "unauthorised_ach",
    "stolen_card",
    "account_takeover",
    "scam",
    "mule",
    "synthetic",
    "laundering",
    "wash_trading",
    "spoofing",
    "pump",
    "illicit_deposit",
    "poisoning",
    "lookalike",
)
(
    NONE,
    NSF,
    ADMINISTRATIVE,
    REMORSE,
    FRIENDLY,
    UNAUTHORISED,
    STOLEN_CARD,
    TAKEOVER,
    SCAM,
    MULED,
    SYNTHETICS,
    LAUNDERING,
    WASH,
    SPOOF,
    PUMP,
    ILLICIT,
    POISON,
    LOOKALIKE,
) = range(len(TYPOLOGIES))

VARIANTS = (
    "",
    "stuffing",
    "sim_swap",
    "session_theft",
    "slow_drip",
    "pig_butchering",
    "impostor",
    "romance",
    "elder",
    "structuring",
    "fan_in",
    "fan_out",
    "cycle",
    "rapid_in_out",
    "scatter_gather",
    "lost_phone",
    "own_wallet",
    "new_investor",
)
(
    PLAIN,
    STUFFING,
    SIM_SWAP,
    SESSION_THEFT,
    SLOW_DRIP,
    PIG,
    IMPOSTOR,
    ROMANCE,
    ELDER,
    STRUCTURING,
    FAN_IN,
    FAN_OUT,
    CYCLE,
    RAPID,
    SCATTER,
    LOST_PHONE,
    OWN_WALLET,
    NEW_INVESTOR,
) = range(len(VARIANTS))

CODES = (
    "",
    *("R01", "R09", "R02", "R03", "R04", "R08", "R16", "R20"),
    *("R05", "R07", "R10", "R11", "R29", "R51"),
    *("10.4", "13.1"),
)

Columns = dict[str, Array]

# What every row says of why it is there.
_WHY: Mapping[str, object] = {
    "typology": 0,
    "variant": 0,
    "incident": -1,
    "campaign": -1,
    "harm": False,
    "reported": False,
}
_ACTS: Mapping[str, object] = {
    "person": 0,
    "at": 0,
    "kind": 0,
    "asset": -1,
    "rail": -1,
    "mode": CENTS,
    "value": 0.0,
    "of": -1,
    "partner": -1,
    "login": -1,
    "address": -1,
    "is_new_address": False,
    "hops": 0,
    "source": -1,
    "bank": -1,
    "card": -1,
    "bin": 0,
    "name_match": np.nan,
    "memo": -1,
    "is_api": False,
    "life": 0,
    "code": 0,
    "back_at": 0,
    "reversed_at": 0,
    "risk": 0.0,
    "passes": True,
    **_WHY,
}
_LOGINS: Mapping[str, object] = {
    "person": 0,
    "at": 0,
    "device": 0,
    "platform": 0,
    "network": 0,
    "ip": 0,
    "country": 0,
    "asn": 0,
    "asn_kind": 0,
    "rtt": 0.0,
    "outcome": 0,
    "mfa": 0,
    "seconds": 0.0,
    "clicks": 0,
    "remote": False,
    **_WHY,
}
_CHANGES: Mapping[str, object] = {
    "person": 0,
    "at": 0,
    "change": 0,
    "detail": -1,
    "login": -1,
    **_WHY,
}
_BOOK: Mapping[str, object] = {"person": 0, "at": 0, "address": 0, "login": -1}
_TICKETS: Mapping[str, object] = {"person": 0, "at": 0, "topic": 0}
_BANKS: Mapping[str, object] = {
    "person": 0,
    "at": 0,
    "bank": 0,
    "linked": True,
    "method": 0,
    "routing": 0,
    "savings": False,
    "name_match": 1.0,
    "balance": -1.0,
}


class Rows:
    """Columns that grow by blocks; a column that a block leaves out takes its default."""

    def __init__(self, defaults: Mapping[str, object]) -> None:
        """Name the columns."""
        self._defaults = defaults
        self._blocks: dict[str, list[Array]] = {name: [] for name in defaults}
        self._size = 0

    def add(self, **columns: ArrayLike) -> Array:
        """Add rows, as many as the longest column has; their positions."""
        size = max(np.size(values) for values in columns.values())
        if any(np.size(values) == 0 for values in columns.values()):
            size = 0
        for name, default in self._defaults.items():
            kind = np.asarray(default).dtype
            values = np.asarray(columns.get(name, np.asarray(default)), dtype=kind)
            self._blocks[name].append(np.broadcast_to(values if size else values[:0], size)
                                      if values.ndim else np.full(size, values))  # fmt: skip
        unknown = set(columns) - set(self._defaults)
        if unknown:
            raise KeyError(*unknown)
        self._size += size
        return np.arange(self._size - size, self._size)

    def seal(self) -> Columns:
        """All rows, in the order in which they were added."""
        empty = {name: np.asarray(value).dtype for name, value in self._defaults.items()}
        return {
            name: np.concatenate([np.empty(0, dtype=empty[name]), *blocks])
            for name, blocks in self._blocks.items()
        }


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """The plans of the people of a run of cells; what is written here may still fail."""

    world: World
    markets: Markets
    people: People
    acts: Rows = field(default_factory=lambda: Rows(_ACTS))
    logins: Rows = field(default_factory=lambda: Rows(_LOGINS))
    changes: Rows = field(default_factory=lambda: Rows(_CHANGES))
    tickets: Rows = field(default_factory=lambda: Rows(_TICKETS))
    banks: Rows = field(default_factory=lambda: Rows(_BANKS))
    book: Rows = field(default_factory=lambda: Rows(_BOOK))

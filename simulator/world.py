"""What a world is: its size, its seed, and what is switched on in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from stockade.errors import DefinitionError, hint
from trust_safety.simulator.rates import Rates, load_rates

Drift = Literal["new_country", "campaign", "honest_devices", "new_limits", "slow_drip"]

DRIFTS: Mapping[str, str] = {
    "new_country": "covariate: sign-ups from a country that was not there before",
    "campaign": "prior: five times as many account takeovers",
    "honest_devices": "concept: thieves use the victim's own device and network, and wait",
    "new_limits": "policy: lower limits and stricter holds, so other events are selected",
    "slow_drip": "break: small, patient withdrawals to an address grown old in the book",
}
FAULTS: Mapping[str, str] = {
    "late_partition": "fiat_transfers of one day arrive three days late",
    "duplicated_batch": "logins of one day are delivered twice",
    "cents": "crypto_withdrawals say cents where they said dollars, from then on",
    "null_device": "logins of a new app release have no device, from then on",
    "clock_skew": "logins from Android are stamped ninety minutes ahead, from then on",
    "renamed_category": "fiat_transfers call ach_debit ACH, from then on",
}

# Fixed, so that banking days and paydays are the same in every world.
START = date(2025, 1, 1)
CELL = 60
EVASION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Something that changes on a day: a drift of the world, or a fault of the data."""

    name: str
    on: date

    def __post_init__(self) -> None:
        """Check the name."""
        known = (*DRIFTS, *FAULTS)
        if self.name not in known:
            raise DefinitionError(f"no switch '{self.name}': {hint(self.name, known)}")

    @property
    def kind(self) -> str:
        """`drift` or `fault`."""
        return "drift" if self.name in DRIFTS else "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world; the same values give the same events, however they are cut into partitions.

    Attributes:
        users: how many accounts there will have been on the last day.
        days: how many days are lived, from `START`.
        seed: of every random number.
        intensity: by how much crime is more frequent than the rates say; see `share`.
        evasion: 0 to 3, how much those who mean harm adapt to rules and limits.
        switches: drifts and faults, and their days.
        rates: the numbers behind it all.
    """

    users: int
    days: int
    seed: int = 0
    intensity: float = 1.0
    evasion: int = EVASION
    switches: tuple[Switch, ...] = ()
    rates: Rates = field(default_factory=load_rates)

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.users < CELL or self.users % CELL:
            raise DefinitionError(f"a world has a multiple of {CELL} users, not {self.users}")
        if self.days < 30:
            raise DefinitionError(f"a world lives 30 days at least, not {self.days}")
        if not 0 <= self.seed < 2**32:
            raise DefinitionError("a world's seed is a whole number from 0 and below 2**32")
        if self.evasion not in (0, 1, 2, 3):
            raise DefinitionError(f"evasion is 0, 1, 2 or 3, not {self.evasion}")
        for switch in self.switches:
            if not START <= switch.on < self.end:
                raise DefinitionError(
                    f"switch '{switch.name}' is on {switch.on}: the world lives from {START} "
                    f"until {self.end}"
                )

    @property
    def cells(self) -> int:
        """How many communities there are: those who act together share one."""
        return self.users // CELL

    @property
    def end(self) -> date:
        """The day after the last."""
        return START + timedelta(days=self.days)

    def switched(self, name: str) -> int:
        """The day number from which a switch is on; the day after the last where it never is."""
        days = [(switch.on - START).days for switch in self.switches if switch.name == name]
        return min(days, default=self.days)

    def share(self, name: str) -> float:
        """A rate of crime in this world: higher by `intensity`, up to a cap, in a small one."""
        rate, cap = self.rates[name], self.rates["world.share_cap"]
        if name.endswith("per_user_year"):
            # What happens once in a while must happen within the days that there are.
            cap *= 365 / self.days
        return max(rate, min(rate * self.intensity, cap))


def world(
    scale: float,
    *,
    seed: int = 0,
    days: int | None = None,
    switches: tuple[Switch, ...] = (),
    evasion: int = EVASION,
    rates: Rates | None = None,
) -> World:
    """A world of `scale` times thirty thousand users.

    A world below scale 1 has more crime than the rates say (`intensity`), or there would be
    nothing to learn from it. By default a world lives a year, below scale 0.05 ninety days.
    """
    known = rates or load_rates()
    return World(
        users=max(1, round(30_000 * scale / CELL)) * CELL,
        days=days or (365 if scale >= 0.05 else 90),
        seed=seed,
        intensity=1.0 if scale >= 1 else known["world.intensity_small"],
        evasion=evasion,
        switches=switches,
        rates=known,
    )


# Instants are whole microseconds since 1970; the first day begins at `ORIGIN`.
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
ORIGIN = int(datetime(START.year, START.month, START.day, tzinfo=UTC).timestamp()) * SECOND

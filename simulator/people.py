"""Who lives in the world: honest people of many habits, and those among them who are not."""

from dataclasses import dataclass

import numpy as np

from trust_safety.simulator.draws import Array, Draws, explode, lognormal, pick, poisson
from trust_safety.simulator.markets import Markets
from trust_safety.simulator.world import CELL, DAY, HOUR, ORIGIN, World

# Country, share of honest users, hours from UTC, latitude, longitude. The last is there from the
# day `new_country` is switched on.
COUNTRIES = (
    ("US", 0.60, -6, 39.0, -95.0),
    ("GB", 0.10, 0, 52.5, -1.5),
    ("DE", 0.07, 1, 51.0, 10.0),
    ("FR", 0.05, 1, 47.0, 2.5),
    ("CA", 0.05, -5, 45.0, -76.0),
    ("AU", 0.04, 10, -34.0, 149.0),
    ("IN", 0.03, 5, 20.0, 78.0),
    ("MX", 0.03, -6, 20.0, -100.0),
    ("PH", 0.02, 8, 14.0, 121.0),
    ("NG", 0.01, 1, 8.0, 7.0),
    ("BR", 0.0, -3, -20.0, -47.0),
)
US, NEW = 0, len(COUNTRIES) - 1
OFFSET = np.array([row[2] for row in COUNTRIES], dtype=np.float64)

AGES = ("18-24", "25-34", "35-44", "45-59", "60+")
_AGE_SHARES = (0.17, 0.33, 0.24, 0.17, 0.09)
INCOMES = ("under_25k", "25k_50k", "50k_100k", "100k_250k", "over_250k")
OCCUPATIONS = (
    "engineer",
    "student",
    "retired",
    "retail",
    "trader",
    "driver",
    "teacher",
    "nurse",
    "business owner",
    "unemployed",
    "office worker",
    "hospitality",
)

ROLES = ("honest", "mule", "synthetic", "launderer", "wash_trader", "thief", "spoofer")
HONEST, MULE, SYNTHETIC, LAUNDERER, WASHER, THIEF, SPOOFER = range(len(ROLES))

COHORTS = (
    "standard",
    "traveller",
    "family",
    "student",
    "merchant",
    "payroll",
    "otc_desk",
    "arbitrageur",
    "migrant",
    "retiree",
)
(STANDARD, TRAVELLER, FAMILY, STUDENT, MERCHANT, PAYROLL, OTC, ARBITRAGEUR, MIGRANT, RETIREE) = (
    range(len(COHORTS))
)
_COHORT_SHARES = (0.60, 0.07, 0.10, 0.07, 0.03, 0.01, 0.006, 0.008, 0.05, 0.056)

# Dollars a day, by tier: money in by card or bank, and coins out.
FIAT_LIMITS = (500, 5_000, 25_000)
COIN_LIMITS = (1_000, 10_000, 100_000)

# Of each ring: the share of users it makes up, its smallest, median and largest size.
_RINGS = (
    (MULE, "mule.users", 5, 11, 40, 0.55),
    (WASHER, "wash.users", 3, 4, 6, 0.25),
    (SYNTHETIC, "synthetic.signups", 4, 8, 20, 0.5),
    (LAUNDERER, "launderer.users", 1, 3, 6, 0.5),
)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The users of a run of cells, one position each; arrays of one length.

    Attributes:
        number: the user's number in the world.
        cell: the community's number.
        role, cohort, country, age: positions in the tuples above.
        ring: the ring's number, -1 without one; `ring_rank` is the place in it.
        signed_up: instant.
        tier, tier_later, tier_day: the tier at sign-up, and that from a later day on.
        wealth: what a usual payment is, in dollars.
        activity: sessions a day.
        bank_wealth: what the bank account holds after payday, in dollars.
        evasion: 0 to 3.
    """

    number: Array
    cell: Array
    role: Array
    cohort: Array
    country: Array
    age: Array
    ring: Array
    ring_rank: Array
    signed_up: Array
    tier: Array
    tier_later: Array
    tier_day: Array
    wealth: Array
    activity: Array
    bank_wealth: Array
    evasion: Array

    @property
    def first_day(self) -> Array:
        """The day number of the sign-up; negative before the first day."""
        return (self.signed_up - ORIGIN) // DAY

    def of_role(self, *roles: int) -> Array:
        """Positions of those with one of the roles."""
        return np.flatnonzero(np.isin(self.role, roles))

    def tier_at(self, person: Array, day: Array) -> Array:
        """Tiers of people on days."""
        return np.where(day >= self.tier_day[person], self.tier_later[person], self.tier[person])


def people(world: World, markets: Markets, first: int, until: int) -> People:
    """The users of the cells `[first, until)`."""
    number = np.arange(first * CELL, until * CELL)
    cell, place = number // CELL, number % CELL
    role, ring, rank = _roles(world, cell, place)
    draws = Draws(world.seed, "people")
    a, b, c, d = draws.uniform(number)
    cohort = np.where(role == HONEST, pick(a, _COHORT_SHARES), STANDARD)
    # A family is two neighbours who are both honest.
    pair = (cohort.reshape(-1, 2) == FAMILY).any(axis=1).repeat(2)
    honest_pair = (role.reshape(-1, 2) == HONEST).all(axis=1).repeat(2)
    cohort = np.where(pair & honest_pair, FAMILY, np.where(cohort == FAMILY, STANDARD, cohort))
    signed_up = _signed_up(world, markets, number, role, ring)
    country = pick(b, [row[1] for row in COUNTRIES])
    day = (signed_up - ORIGIN) // DAY
    arrives = (day >= world.switched("new_country")) & (draws.uniform(number, 7)[0] < 0.35)
    country = np.where(arrives, NEW, country)
    country = np.where(np.isin(role, (THIEF,)) & (c < 0.85), US, country)
    age = pick(c, _AGE_SHARES)
    age = np.where(cohort == RETIREE, 4, np.where(cohort == STUDENT, 0, age))
    e, f, g, h = draws.uniform(number, 0, 1)
    wealth = np.clip(lognormal(d, 160.0, 1.0), 15, 60_000)
    scale = np.select(
        [
            cohort == OTC,
            cohort == MERCHANT,
            cohort == PAYROLL,
            cohort == RETIREE,
            cohort == STUDENT,
        ],
        [25.0, 3.0, 4.0, 3.0, 0.4],
        1.0,
    )
    tier = 1 + (e < 0.75) + (scale > 2)
    upgrade = day + 5 + np.floor(-np.log(f) * 120).astype(np.int64)
    return People(
        number=number,
        cell=cell,
        role=role,
        cohort=cohort,
        country=country,
        age=age,
        ring=ring,
        ring_rank=rank,
        signed_up=signed_up,
        tier=tier,
        tier_later=np.minimum(tier + 1, 3),
        tier_day=upgrade,
        wealth=wealth * scale,
        activity=np.clip(lognormal(g, 0.12, 0.9), 0.01, 1.6),
        bank_wealth=lognormal(h, 6.0, 1.0) * wealth * scale,
        evasion=_evasion(world, draws, number, ring),
    )


def _roles(world: World, cell: Array, place: Array) -> tuple[Array, Array, Array]:
    """Role, ring and rank: rings take neighbouring places of a cell, the rest draw their own."""
    draws = Draws(world.seed, "roles")
    cells = np.unique(cell)
    role = np.full(cell.size, HONEST)
    ring = np.full(cell.size, -1)
    rank = np.zeros(cell.size, dtype=np.int64)
    taken = np.zeros(cells.size, dtype=np.int64)
    for kind, rate, least, median, most, sigma in _RINGS:
        sizes = lognormal(draws.uniform(cells, kind)[0], median, sigma)
        size = np.clip(np.rint(sizes), least, most).astype(np.int64)
        chance = world.share(rate) * CELL / (median * np.exp(sigma**2 / 2))
        # Systematic sampling: every world has the number of rings that it should.
        start = draws.uniform(kind, 0, 1)[0, 0]
        hosts = np.floor(start + chance * (cells + 1)) > np.floor(start + chance * cells)
        size = np.where(hosts, np.minimum(size, CELL - 6 - taken), 0)
        size = np.where(size < least, 0, size)
        low, high = taken[cell - cells[0]], (taken + size)[cell - cells[0]]
        member = (place >= low) & (place < high)
        role = np.where(member, kind, role)
        ring = np.where(member, cell * 8 + kind, ring)
        rank = np.where(member, place - low, rank)
        taken = taken + size
    number = cell * CELL + place
    uniform = draws.uniform(number, 90)[0]
    thieves, spoofers = world.share("thief.signups"), world.share("spoof.users")
    alone = ring < 0
    role = np.where(alone & (uniform < thieves), THIEF, role)
    role = np.where(alone & (uniform > 1 - spoofers), SPOOFER, role)
    return role, ring, rank


def _signed_up(world: World, markets: Markets, number: Array, role: Array, ring: Array) -> Array:
    draws = Draws(world.seed, "sign-up")
    a, b, c, d = draws.uniform(number)
    # More people come while prices move.
    cut = np.cumsum(markets.heat[: world.days])
    new = np.searchsorted(cut / cut[-1], b, side="right").clip(0, world.days - 1)
    old = -1 - np.floor(b * 700).astype(np.int64)
    bad = role == SYNTHETIC
    day = np.where((a < world.rates["world.old_users"]) & ~bad, old, new)
    # A ring signs up within days of each other, but for bought accounts that had slept for long.
    begin = draws.uniform(np.maximum(ring, 0), 0, 1)[0]
    burst = np.floor(begin * (world.days - 10)) + np.floor(-np.log(c) * 9)
    together = (role == SYNTHETIC) | ((role == MULE) & (d < 0.6))
    day = np.where(together, np.minimum(burst, world.days - 2), day).astype(np.int64)
    return (
        ORIGIN
        + day * DAY
        + (7 + np.floor(d * 15)).astype(np.int64) * HOUR
        + (c * HOUR).astype(np.int64)
    )


def _evasion(world: World, draws: Draws, number: Array, ring: Array) -> Array:
    uniform = draws.uniform(np.where(ring < 0, number, -2 - ring), 0, 5)[0]
    # Not everybody is of the same skill: a fifth is one step behind, a fifth one ahead.
    step = np.where(uniform < 0.2, -1, np.where(uniform > 0.8, 1, 0))
    return np.clip(world.evasion + (step if 0 < world.evasion < 3 else 0), 0, 3)


def spread(people: People, world: World, mean: Array, purpose: str) -> tuple[Array, Array, Array]:
    """For each event of a daily habit: the person's position, the day, and the number that day.

    Args:
        people: who.
        world: where.
        mean: events a day, by person and day: shape (people, days).
        purpose: what for.
    """
    days = np.arange(world.days)
    draws = Draws(world.seed, purpose)
    person = np.repeat(np.arange(people.number.size), days.size)
    day = np.tile(days, people.number.size)
    means = np.where(day > people.first_day[person], mean.ravel(), 0.0)
    alive = np.flatnonzero(means > 0)
    person, day, means = person[alive], day[alive], means[alive]
    counts = poisson(draws.uniform(people.number[person], day)[0], means)
    some = np.flatnonzero(counts)
    owner, slot = explode(counts[some])
    return person[some][owner], day[some][owner], slot

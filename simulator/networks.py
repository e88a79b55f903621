"""Devices and networks: what a session looks like from outside."""

from dataclasses import dataclass

import numpy as np

from trust_safety.simulator.draws import Array, Draws
from trust_safety.simulator.people import (
    COUNTRIES,
    FAMILY,
    MULE,
    STUDENT,
    SYNTHETIC,
    TRAVELLER,
    People,
)
from trust_safety.simulator.world import World

PLATFORMS = ("ios", "android", "web")
IOS, ANDROID, WEB = range(3)
ASN_KINDS = ("consumer", "mobile", "campus", "hosting", "vpn")
CONSUMER, MOBILE, CAMPUS, HOSTING, VPN = range(5)
MFA = ("none", "sms", "totp", "passkey")

# Networks that attack are drawn from this many blocks of addresses; some get on a list.
BOTNETS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where sessions come from, one per session: columns of `logins`."""

    device: Array
    platform: Array
    ip: Array
    country: Array
    asn: Array
    asn_kind: Array
    rtt: Array

    def columns(self) -> dict[str, Array]:
        """As columns of a script's logins."""
        return {name: getattr(self, name) for name in self.__slots__}


class Networks:
    """Devices and addresses of people on days."""

    def __init__(self, world: World, people: People) -> None:
        """Draw what each person owns."""
        self._draws = Draws(world.seed, "devices")
        self._routes = Draws(world.seed, "networks")
        self._people = people
        number = people.number
        a, b, c, d = self._draws.uniform(number)
        self._phone = np.where(a < 0.55, IOS, ANDROID)
        self._uses_web = np.where(b < 0.5, b, 0.15)
        # Some browsers are recognised for a few months only.
        self._period = np.where(c < 0.3, 110, 900)
        self._phase = np.floor(d * 900).astype(np.int64)
        family = people.cohort == FAMILY
        self._house = np.where(family, number // 2 * 2, number)
        ring = np.maximum(people.ring, 0)
        shares = self._draws.uniform(ring, 0, 9)[0] < world.rates["mule.shared_device"]
        mules = (people.role == MULE) & shares
        farms = (people.role == SYNTHETIC) & (people.evasion < 2)
        # A farm has one device for three accounts.
        common = np.where(mules, -2 - ring, -2 - ring * 64 - people.ring_rank // 3)
        self._laptop = np.where(mules | farms, common, self._house)
        e, f, g, _ = self._routes.uniform(number)
        self._isp = np.floor(e * 6).astype(np.int64)
        self._campus = np.floor(f * 30).astype(np.int64)
        self._vpn = g < 0.06

    def device(self, person: Array, day: Array, platform: Array) -> Array:
        """A person's own device of a platform on a day; families and rings share some."""
        web = platform == WEB
        period = np.where(web, self._period[person], 520)
        owner = np.where(web, self._laptop[person], self._people.number[person])
        phase = np.where(web & (owner != self._people.number[person]), 0, self._phase[person])
        epoch = (day + phase + 900) // period
        return self._draws.code(owner, epoch, 16 + web).view(np.int64)

    def usual(self, person: Array, day: Array, slot: Array) -> Places:
        """Where a person's own session comes from."""
        number = self._people.number[person]
        a, b, c, d = self._routes.uniform(number, day, 32 + slot)
        platform = np.where(a < self._uses_web[person], WEB, self._phone[person])
        home = self._people.country[person]
        country, away = self._travel(person, day)
        kind = np.where((platform != WEB) & (b < 0.45), MOBILE, CONSUMER)
        student = self._people.cohort[person] == STUDENT
        kind = np.where(student & ~away & (b > 0.4), CAMPUS, kind)
        kind = np.where(self._vpn[person] & (c < 0.4), VPN, kind)
        country = np.where(away, country, home)
        ip, asn, country = self._route(person, day, kind, country, away)
        spread = 1 + 0.8 * d
        rtt = (28 + 30 * self._isp[person] / 6 + 90 * away + 70 * (kind == VPN)) * spread
        device = self.device(person, day, platform)
        return Places(device, platform, ip, country, asn, kind, rtt)

    def _travel(self, person: Array, day: Array) -> tuple[Array, Array]:
        # At most one trip in a month of thirty days.
        number = self._people.number[person]
        a, b, c, d = self._routes.uniform(number, day // 30, 31)
        often = np.where(self._people.cohort[person] == TRAVELLER, 0.55, 0.05)
        begin, length = np.floor(b * 22), 2 + np.floor(c * 8)
        inside = (day % 30 >= begin) & (day % 30 < begin + length)
        return np.floor(d * (len(COUNTRIES) - 1)).astype(np.int64), (a < often) & inside

    def _route(
        self, person: Array, day: Array, kind: Array, country: Array, away: Array
    ) -> tuple[Array, Array, Array]:
        number = self._people.number[person]
        # Providers move people to another address every few weeks.
        lease = (day + self._phase[person]) // 24
        a, b, c, _ = self._routes.words(np.where(kind == CONSUMER, self._house[person], number),
                                        np.where(away, day // 3, lease), 30)  # fmt: skip
        isp = np.where(away, (b % np.uint64(6)).astype(np.int64), self._isp[person])
        consumer = (isp << 12) | (a % np.uint64(4096)).astype(np.int64)
        # A carrier has few addresses for many phones.
        mobile = (8 << 12) | (isp % 3 << 4) | (c % np.uint64(16)).astype(np.int64)
        campus = (9 << 12) | self._campus[person]
        exits = (c % np.uint64(len(COUNTRIES) - 1)).astype(np.int64)
        vpn = (10 << 12) | (b % np.uint64(40)).astype(np.int64)
        country = np.where(kind == VPN, exits, country)
        block = np.select([kind == MOBILE, kind == CAMPUS, kind == VPN], [mobile, campus, vpn],
                          consumer)  # fmt: skip
        asn = np.select(
            [kind == MOBILE, kind == CAMPUS, kind == VPN],
            [country * 1000 + 100 + isp % 3, country * 1000 + 200 + self._campus[person], 64_000],
            country * 1000 + isp,
        )
        host = (b % np.uint64(250)).astype(np.int64) + 2
        return address(country, block, host), asn, country

    def proxied(
        self, entity: Array, day: Array | int, country: Array, *, residential: Array
    ) -> Places:
        """A stranger's own device behind a proxy: residential ones are in the victim's country."""
        a, b, c, d = self._draws.words(entity, day, 40)
        which = (a % np.uint64(BOTNETS)).astype(np.int64)
        where = (b % np.uint64(len(COUNTRIES) - 1)).astype(np.int64)
        there = np.where(residential, country, where)
        isp = (c % np.uint64(6)).astype(np.int64)
        consumer = (isp << 12) | (d % np.uint64(4096)).astype(np.int64)
        block = np.where(residential, consumer, (11 << 12) | which)
        host = (c % np.uint64(250)).astype(np.int64) + 2
        platform = np.where(
            a % np.uint64(10) < np.uint64(4), WEB, (b % np.uint64(2)).astype(np.int64)
        )
        device = self._draws.code(entity, day, 41).view(np.int64)
        asn = np.where(residential, there * 1000 + isp, 65_000 + which % 7)
        kind = np.where(residential, CONSUMER, HOSTING)
        rtt = 40.0 + (d % np.uint64(140)).astype(np.float64)
        return Places(device, platform, address(there, block, host), there, asn, kind, rtt)


def address(country: Array, block: Array, host: Array) -> Array:
    """Internet addresses as whole numbers: a country has 65 536 blocks of 256."""
    return ((((country + 40) << 16) | block) << 8) | host


def botnet_blocks() -> tuple[Array, Array]:
    """First 24 bits of the hosting blocks that attacks come from, and their number."""
    which = np.repeat(np.arange(BOTNETS), len(COUNTRIES) - 1)
    where = np.tile(np.arange(len(COUNTRIES) - 1), BOTNETS)
    return ((where + 40) << 16) | (11 << 12) | which, which

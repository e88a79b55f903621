"""What the sign-in features say of a credential-stuffing burst."""

from stockade.definitions.view import Selection
from stockade.engine.bind import History
from stockade.engine.operator import attach
from stockade.testing import MakeTable
from trust_safety.features.account_logins import account_logins

LOGINS = (
    "event_id string, user_id string, attempted_at timestamp, ingested_at timestamp, "
    "outcome string, ip_country string, device_id string, asn bigint, asn_kind string, "
    "latitude double, longitude double"
)

WHERE = ("d1", 7, "consumer", 59.9, 10.7)


def test_a_burst_shows_in_the_hour_and_the_habit_in_the_month(table: MakeTable) -> None:
    spine = table("user_id string, decided_at timestamp", ("ann", "2026-03-31 12:00:00"))
    logins = table(
        LOGINS,
        ("l1", "ann", "2026-03-10 08:00:00", "2026-03-10 08:00:05", "success", "NO", *WHERE),
        ("l2", "ann", "2026-03-31 11:40:00", "2026-03-31 11:40:05", "failure", "BR", *WHERE),
        (
            "l2",
            "ann",
            "2026-03-31 11:40:00",
            "2026-03-31 11:41:00",
            "failure",
            "BR",
            *WHERE,
        ),  # a copy
        ("l3", "ann", "2026-03-31 11:50:00", "2026-03-31 11:50:05", "failure", "BR", *WHERE),
        (
            "l4",
            "ann",
            "2026-03-31 11:59:58",
            "2026-03-31 12:00:03",
            "failure",
            "VN",
            *WHERE,
        ),  # too late
    )
    names = tuple(feature.name for feature in account_logins.features())
    history = History(Selection(view=account_logins, names=names), logins)

    row = attach(spine, [history], decided_at="decided_at").rows.select(*names).first()

    assert row is not None
    wanted = {
        "logins_1d": 0,
        "logins_30d": 1,
        "failed_logins_1h": 2,
        "failed_logins_1d": 2,
        "login_countries_1d": 0,
        "login_countries_30d": 1,
    }
    assert {name: row[name] for name in wanted} == wanted

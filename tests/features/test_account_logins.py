"""What the sign-in features say of a credential-stuffing burst."""

from stockade.definitions.view import Selection
from stockade.engine.bind import History
from stockade.engine.operator import attach
from stockade.testing import MakeTable
from trust_safety.features.account_logins import account_logins

LOGINS = (
    "event_id string, account_id string, attempted_at timestamp, ingested_at timestamp, "
    "outcome string, ip_country string"
)


def test_a_burst_shows_in_the_hour_and_the_habit_in_the_month(table: MakeTable) -> None:
    spine = table("account_id string, decided_at timestamp", ("ann", "2026-03-31 12:00:00"))
    logins = table(
        LOGINS,
        ("l1", "ann", "2026-03-10 08:00:00", "2026-03-10 08:00:05", "success", "NO"),
        ("l2", "ann", "2026-03-31 11:40:00", "2026-03-31 11:40:05", "failure", "BR"),
        ("l2", "ann", "2026-03-31 11:40:00", "2026-03-31 11:41:00", "failure", "BR"),  # a copy
        ("l3", "ann", "2026-03-31 11:50:00", "2026-03-31 11:50:05", "failure", "BR"),
        ("l4", "ann", "2026-03-31 11:59:58", "2026-03-31 12:00:03", "failure", "VN"),  # too late
    )
    names = tuple(feature.name for feature in account_logins.features())
    history = History(Selection(view=account_logins, names=names), logins)

    row = attach(spine, [history], decided_at="decided_at").rows.select(*names).first()

    assert row is not None
    assert row.asDict() == {
        "logins_1d": 2,
        "logins_30d": 3,
        "failed_logins_1h": 2,
        "failed_logins_1d": 2,
        "login_countries_1d": 1,
        "login_countries_30d": 2,
    }

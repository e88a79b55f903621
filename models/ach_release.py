"""When to make a pulled deposit available, by the risk that it comes back.

Nacha's levels are counted over the debits made in the preceding sixty days, by the day they were
made, not the day they came back: unauthorised 0.5 % (a rule), administrative 3 % and overall 15 %
(levels at which it inquires). A young period is therefore not done yet, and is completed.
"""

from stockade import Course, EventSource, Label, Level, Query, ReleaseStrategy, days
from trust_safety.features.sources import PAYMENTS
from trust_safety.models.ach_bank_return import ach_bank_return
from trust_safety.models.ach_unauthorised import ach_unauthorised, unauthorised
from trust_safety.models.moments import blocked

administrative_returns = EventSource(
    name="administrative_returns",
    origin=Query(sql="SELECT * FROM {obs_fiat_returns} WHERE return_code IN ('R02', 'R03', 'R04')"),
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Returns for a closed, missing or wrong account.",
    owner=PAYMENTS,
)

ach_returns = EventSource(
    name="ach_returns",
    origin=Query(sql="SELECT * FROM {obs_fiat_returns} WHERE rail = 'ach_debit'"),
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Every ACH return.",
    owner=PAYMENTS,
)

_BLOCKED = blocked("blocked_debits", event="transfer_id", table="fiat_transfers")

is_administrative = Label(
    name="is_administrative",
    source=administrative_returns,
    keys={"transfer_id": "transfer_id"},
    horizon=days(5),
    reporting_delay=days(1),
    blocks=_BLOCKED,
    description="R02, R03 or R04 within two banking days.",
)

is_any_return = Label(
    name="is_any_return",
    source=ach_returns,
    keys={"transfer_id": "transfer_id"},
    horizon=days(62),
    reporting_delay=days(3),
    blocks=_BLOCKED,
    description="Came back for any reason within sixty days.",
)

ach_release = ReleaseStrategy(
    name="ach_release",
    models=(ach_bank_return, ach_unauthorised),
    amount="amount_usd",
    # What an honest customer's wait is worth: our own reckoning, to be replaced by an experiment.
    courses=(
        Course(name="instant"),
        Course(name="hold_1d", hold=days(1), friction=0.8),
        Course(name="hold_2d", hold=days(2), friction=1.4),
        Course(name="hold_3d", hold=days(3), friction=2.0),
        Course(name="hold_4d", hold=days(4), friction=2.8),
        Course(name="hold_5d", hold=days(5), friction=3.6),
        Course(name="limit_250", limit=250.0, hold=days(5), friction=1.5),
        Course(name="refuse", refuses=True, friction=45.0),
    ),
    levels=(
        Level(
            name="unauthorised",
            label=unauthorised,
            rate=0.005,
            description="Nacha's rule: who is above must come below.",
        ),
        Level(
            name="administrative",
            label=is_administrative,
            rate=0.03,
            description="Nacha inquires above it.",
        ),
        Level(
            name="overall",
            label=is_any_return,
            rate=0.15,
            description="Nacha inquires above it.",
        ),
    ),
    owner=PAYMENTS,
    description="Instant credit, a hold, a limit or a refusal for each band of risk.",
)

"""Is the owner being deceived into sending coins: investment, romance, impostor?

More than half of the victims never report. So a negative is "not reported", the model is learnt
from positives and unlabelled ones, and its probability is that of a report.
"""

from stockade import Action, EventSource, Label, ModelSpec, Policy, Query, TrainingSet, days, hours
from trust_safety.features.sources import CRIME
from trust_safety.models.moments import SEARCH, blocked
from trust_safety.models.withdrawals import withdrawal_features, withdrawal_requests

reported_scams = EventSource(
    name="reported_scams",
    origin=Query(sql="SELECT * FROM {obs_reports} WHERE kind = 'scam'"),
    event_time="happened_at",
    available_at="known_at",
    dedupe="report_id",
    version="version",
    retracted="retracted",
    description="Withdrawals that the user or the police say went to a scammer.",
    owner=CRIME,
)

is_scam = Label(
    name="is_scam",
    source=reported_scams,
    keys={"withdrawal_id": "event_id"},
    horizon=hours(1),
    # Shame is slow: reports come for half a year. After sixty days most of those are in that ever
    # come; the rest counts as honest, like all that nobody reports.
    reporting_delay=days(60),
    blocks=blocked("blocked_withdrawals", event="event_id", table="crypto_withdrawals"),
    description="Reported as sent to a scammer within sixty days.",
)

scam_victim_training = TrainingSet(
    name="scam_victim_training",
    spine=withdrawal_requests,
    features=withdrawal_features,
    label=is_scam,
    description="Withdrawals with the scams that were reported.",
)

scam_victim = ModelSpec(
    name="scam_victim",
    training_set=scam_victim_training,
    search=SEARCH,
    monotone={"investment_tickets_30d": 1, "warnings_dismissed_30d": 1},
    recent="complete",
    review_capacity=5,
    review_entity="user_id",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="send"),
            Action(name="warn", prevented=0.25, friction=0.5),
            Action(name="call", cost=12.0, prevented=0.6, friction=4.0, capped=True),
        ),
        explored=0.05,
    ),
    rules="IF(is_new_address = 1, 1, 0) + IF(amount_usd > 3000, 1, 0) "
    "+ IF(amount_per_last_withdrawal > 3, 1, 0) + IF(warnings_dismissed_30d > 0, 2, 0) "
    "+ IF(investment_tickets_30d + romance_tickets_30d + impostor_tickets_30d > 0, 1, 0) "
    "+ IF(remote_sessions_1d > 0, 3, 0)",
    slices=("age_band", "country", "account_age_days"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=CRIME,
    description="Is this withdrawal going to a scammer?",
)

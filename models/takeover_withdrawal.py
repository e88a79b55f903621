"""Is somebody else sending the coins away?"""

from stockade import Action, Label, ModelSpec, Policy, TrainingSet, days, hours
from trust_safety.features.sources import IDENTITY
from trust_safety.models.moments import SEARCH, blocked
from trust_safety.models.takeover_login import reported_takeovers
from trust_safety.models.withdrawals import withdrawal_features, withdrawal_requests

is_takeover_withdrawal = Label(
    name="is_takeover_withdrawal",
    source=reported_takeovers,
    keys={"withdrawal_id": "event_id"},
    horizon=hours(1),
    reporting_delay=days(45),
    blocks=blocked("blocked_withdrawals", event="event_id", table="crypto_withdrawals"),
    description="The owner says that it was somebody else.",
)

takeover_withdrawal_training = TrainingSet(
    name="takeover_withdrawal_training",
    spine=withdrawal_requests,
    features=withdrawal_features,
    label=is_takeover_withdrawal,
    description="Withdrawals with what their owners said of them.",
)

takeover_withdrawal = ModelSpec(
    name="takeover_withdrawal",
    training_set=takeover_withdrawal_training,
    search=SEARCH,
    monotone={"days_with_device": -1, "amount_per_equity": 1},
    review_capacity=5,
    review_entity="user_id",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="send"),
            Action(name="hold", cost=6.0, prevented=0.9, friction=5.0, capped=True),
            Action(name="block", prevented=1.0, friction=80.0),
        ),
        explored=0.05,
    ),
    rules="IF(is_new_address = 1, 1, 0) + IF(coalesce(days_with_device, 0) < 1, 2, 0)"
    " + IF(changes_1d > 0, 2, 0) + IF(amount_per_equity > 0.8, 1, 0) "
    "+ IF(failed_logins_1d > 2, 1, 0)",
    slices=("age_band", "country", "asset"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=IDENTITY,
    description="Is somebody other than the owner sending these coins away?",
)

"""Will the payer's bank send this ACH debit back: no funds, closed, wrong number?"""

from stockade import Action, EventSource, Label, ModelSpec, Policy, Query, TrainingSet, days
from trust_safety.features.sources import PAYMENTS
from trust_safety.models.ach_debits import ach_debits, ach_features
from trust_safety.models.moments import SEARCH, blocked

bank_returns = EventSource(
    name="bank_returns",
    origin=Query(
        sql="SELECT * FROM {obs_fiat_returns} WHERE return_class IN ('bank', 'administrative')"
    ),
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Returns of the bank itself: R01 to R04, R08, R09, R16, R20.",
    owner=PAYMENTS,
)

bank_return = Label(
    name="is_bank_return",
    source=bank_returns,
    keys={"transfer_id": "transfer_id"},
    # Two banking days: over a long weekend five calendar days, and a day for the file.
    horizon=days(5),
    reporting_delay=days(1),
    blocks=blocked("blocked_debits", event="transfer_id", table="fiat_transfers"),
    description="The bank sent the debit back within its two banking days.",
)

ach_bank_return_training = TrainingSet(
    name="ach_bank_return_training",
    spine=ach_debits,
    features=ach_features,
    label=bank_return,
    description="ACH debits with what the bank made of them.",
)

ach_bank_return = ModelSpec(
    name="ach_bank_return",
    training_set=ach_bank_return_training,
    search=SEARCH,
    monotone={"amount_per_bank_balance": 1, "returns_by_bank_365d": 1},
    propensity="passed_with",
    review_capacity=5,
    review_entity="user_id",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="instant"),
            Action(name="hold", prevented=0.95, friction=4.0),
            Action(name="refuse", prevented=1.0, friction=40.0),
        ),
        pass_through=0.02,
    ),
    rules="IF(amount_per_bank_balance > 1, 3, 0) + IF(amount_per_bank_balance > 0.7, 1, 0) "
    "+ least(returns_by_bank_365d, 3) * 2 + IF(days_since_link < 7, 1, 0)",
    slices=("age_band", "country", "account_age_days"),
    validation=days(28),
    test=days(56),
    trials=8,
    owner=PAYMENTS,
    description="Will the payer's bank send this debit back within days?",
)

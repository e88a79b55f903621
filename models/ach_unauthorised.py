"""Will the payer disown this ACH debit: stolen bank log-in, remorse, friendly fraud?"""

from stockade import Action, EventSource, Label, ModelSpec, Policy, Query, TrainingSet, days
from trust_safety.features.sources import PAYMENTS
from trust_safety.models.ach_debits import ach_debits, ach_features
from trust_safety.models.moments import SEARCH, blocked

disowned_debits = EventSource(
    name="disowned_debits",
    origin=Query(sql="SELECT * FROM {obs_fiat_returns} WHERE return_class = 'unauthorised'"),
    event_time="returned_at",
    available_at="known_at",
    dedupe="return_id",
    version="version",
    retracted="retracted",
    description="Returns that the payer asked for: R05, R07, R10, R11, R29, R51.",
    owner=PAYMENTS,
)

unauthorised = Label(
    name="is_unauthorised",
    source=disowned_debits,
    keys={"transfer_id": "transfer_id"},
    # Sixty calendar days are the payer's limit; then the banks have theirs.
    horizon=days(62),
    reporting_delay=days(3),
    blocks=blocked("blocked_debits", event="transfer_id", table="fiat_transfers"),
    description="The payer disowned the debit within sixty days.",
)

ach_unauthorised_training = TrainingSet(
    name="ach_unauthorised_training",
    spine=ach_debits,
    features=ach_features,
    label=unauthorised,
    description="ACH debits with what their payers made of them.",
)

ach_unauthorised = ModelSpec(
    name="ach_unauthorised",
    training_set=ach_unauthorised_training,
    search=SEARCH,
    monotone={"days_since_link": -1, "amount_per_limit": 1},
    propensity="passed_with",
    recent="complete",
    review_capacity=5,
    review_entity="user_id",
    policy=Policy(
        loss="amount_usd",
        actions=(
            Action(name="instant"),
            Action(name="hold", prevented=0.6, friction=6.0),
            Action(name="review", cost=8.0, prevented=0.85, friction=8.0, capped=True),
            Action(name="refuse", prevented=1.0, friction=60.0),
        ),
        pass_through=0.02,
        explored=0.05,
    ),
    rules="IF(days_since_link < 3, 2, 0) + IF(account_age_days < 7, 1, 0) "
    "+ IF(owner_name_match < 0.7, 2, 0) + IF(amount_per_limit > 0.8, 1, 0) "
    "+ IF(days_with_device < 2, 1, 0)",
    slices=("age_band", "country", "account_age_days"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=PAYMENTS,
    description="Will the payer disown this debit within sixty days?",
)

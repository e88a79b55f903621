"""Features that tell a stolen card and a compromised terminal from a habit, and the model."""

from examples.card_fraud.cards import (
    REPORTING,
    card_payments,
    customer,
    is_fraud,
    outcomes,
    payments,
    terminal,
)
from stockade import (
    LIFETIME,
    Action,
    Derived,
    FeatureService,
    FeatureView,
    ModelSpec,
    Policy,
    TrainingSet,
    count,
    days,
    max_,
    mean,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
)

DAY, WEEK, FORTNIGHT, MONTH = days(1), days(7), days(14), days(30)
RECENT = (days(3), WEEK, FORTNIGHT)
# A compromised terminal stays so for about four weeks.
SPELL = (WEEK, FORTNIGHT, days(21), days(28))
# A fraud that its amount alone would not have given away: the terminal may be to blame.
SMALL_FRAUD = "is_fraud = 1 AND amount <= 220"
# Where no honest payment is known in 28 days, which end 7 days ago, the last was earlier than that.
HONEST_DAYS = "coalesce(honest_days, 35)"


def _days_since(seconds: str) -> str:
    """SQL: midnights (UTC) between the payment and an event so many seconds before."""
    return (
        "CAST(floor(unix_seconds(paid_at) / 86400) "
        f"- floor((unix_seconds(paid_at) - {seconds}) / 86400) AS DOUBLE)"
    )


customer_habits = FeatureView(
    name="customer_habits",
    entity=customer,
    source=payments,
    aggregates={
        "payments": count(windows=(DAY, WEEK, MONTH)),
        "mean_amount": mean("amount", windows=(*RECENT, LIFETIME)),
        "max_amount": max_("amount", windows=(WEEK, FORTNIGHT)),
        "median_amount": quantile("amount", q=0.5, windows=(LIFETIME,)),
    },
    owner="card-risk@example.com",
    description="How often and how much a customer pays, before the payment that is judged.",
)

customer_history = FeatureView(
    name="customer_history",
    entity=customer,
    source=outcomes,
    aggregates={
        "honest_mean": mean("amount", where="is_fraud = 0", windows=(LIFETIME,), delay=REPORTING),
        "honest_stddev": stddev(
            "amount", where="is_fraud = 0", windows=(LIFETIME,), delay=REPORTING
        ),
        "honest_max": max_("amount", where="is_fraud = 0", windows=(LIFETIME,), delay=REPORTING),
    },
    owner="card-risk@example.com",
    description="What a customer is known by now to have paid.",
)

terminal_history = FeatureView(
    name="terminal_history",
    entity=terminal,
    source=outcomes,
    aggregates={
        "terminal_payments": count(windows=SPELL, delay=REPORTING),
        "seconds_since_honest_payment": seconds_since_last(
            where="is_fraud = 0", windows=(SPELL[-1],), delay=REPORTING
        ),
        "small_frauds": count(where=SMALL_FRAUD, windows=(days(21),), delay=REPORTING),
        "seconds_since_small_fraud": seconds_since_last(
            where=SMALL_FRAUD, windows=(days(21),), delay=REPORTING
        ),
        "seconds_since_first_small_fraud": seconds_since_first(
            where=SMALL_FRAUD, windows=(days(21),), delay=REPORTING
        ),
    },
    owner="card-risk@example.com",
    description="What is known of a terminal's payments, a week late.",
)

card_features = FeatureService(
    name="card_features",
    spine_columns="amount",
    features=(
        customer_habits,
        customer_history,
        terminal_history,
        Derived(
            name="usual_amount",
            expression="coalesce(honest_mean_lifetime_delay_7d, mean_amount_lifetime)",
            description="The mean of what the customer is known to have paid.",
        ),
        Derived(
            name="amount_per_usual",
            expression="try_divide(amount, usual_amount)",
            description="How many times the customer's usual payment this one is.",
        ),
        Derived(
            name="amount_per_median",
            expression="try_divide(amount, median_amount_lifetime)",
            description="How many times the median of the customer's payments this one is.",
        ),
        Derived(
            name="amount_per_honest_max",
            expression="try_divide(amount, honest_max_lifetime_delay_7d)",
            description="Above one: more than the customer was ever known to pay.",
        ),
        Derived(
            name="amount_score",
            expression="try_divide(amount - usual_amount, honest_stddev_lifetime_delay_7d)",
            description="How many standard deviations above the customer's mean.",
        ),
        *(
            Derived(
                name=f"mean_{window}_per_usual",
                expression=f"try_divide(mean_amount_{window}, usual_amount)",
                description="Whether the customer has lately been paying more than usual.",
            )
            for window in ("3d", "7d", "14d")
        ),
        *(
            Derived(
                name=f"max_{window}_per_honest_max",
                expression=f"try_divide(max_amount_{window}, honest_max_lifetime_delay_7d)",
                description="Above one: the customer has lately paid more than ever known before.",
            )
            for window in ("7d", "14d")
        ),
        Derived(
            name="honest_days",
            expression=_days_since("seconds_since_honest_payment_28d_delay_7d"),
            description="Midnights since the terminal's last payment that is known to be honest.",
        ),
        Derived(
            name="fraud_days",
            expression="CASE WHEN seconds_since_small_fraud_21d_delay_7d "
            "< coalesce(seconds_since_honest_payment_28d_delay_7d, 1e9) THEN "
            + _days_since("seconds_since_first_small_fraud_21d_delay_7d")
            + " END",
            description="Midnights since the first small fraud, where no honest payment followed.",
        ),
        Derived(
            name="spell_is_on",
            expression="CASE WHEN fraud_days IS NULL THEN -1 "
            f"WHEN {HONEST_DAYS} <= fraud_days THEN 1 ELSE greatest(0, "
            f"(least({HONEST_DAYS} - 1, 27) - fraud_days + 1) "
            f"/ ({HONEST_DAYS} - fraud_days)) END",
            description="A terminal stays compromised for 28 days: the share of the days on which "
            "that can have begun from which it would last until now; -1 without suspicion.",
        ),
    ),
    description="Habits of the customer, known history of customer and terminal.",
)

card_training = TrainingSet(
    name="card_training",
    spine=card_payments,
    features=card_features,
    label=is_fraud,
    description="Card payments with habits and known history.",
)

card_fraud = ModelSpec(
    name="card_fraud",
    training_set=card_training,
    negatives=0.1,
    review_capacity=100,
    review_entity="customer_id",
    # What a bank might reckon with: an analyst's quarter of an hour, and a declined customer.
    policy=Policy(
        loss="amount",
        actions=(
            Action(name="approve"),
            Action(name="review", cost=8.0, prevented=0.9, friction=1.0, capped=True),
            Action(name="decline", prevented=1.0, friction=50.0),
        ),
        pass_through=0.01,
        explored=0.05,
    ),
    slices=("amount", "usual_amount"),
    owner="card-risk@example.com",
    description="Will this payment be reported as fraud?",
)

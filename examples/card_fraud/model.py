"""Features that tell a stolen card and a compromised terminal from a habit, and the model."""

from examples.card_fraud.cards import (
    card_payments,
    customer,
    is_fraud,
    outcomes,
    payments,
    terminal,
)
from stockade import (
    LIFETIME,
    Derived,
    FeatureService,
    FeatureView,
    ModelSpec,
    TrainingSet,
    count,
    days,
    max_,
    mean,
    quantile,
    seconds_since_first,
    seconds_since_last,
    stddev,
    sum_,
)

DAY, WEEK, FORTNIGHT, MONTH, SEASON = days(1), days(7), days(14), days(30), days(60)

customer_habits = FeatureView(
    name="customer_habits",
    entity=customer,
    source=payments,
    aggregates={
        "payments": count(windows=(DAY, WEEK, MONTH)),
        "mean_amount": mean("amount", windows=(DAY, WEEK, FORTNIGHT, MONTH, SEASON)),
        "stddev_amount": stddev("amount", windows=(MONTH, SEASON)),
        "max_amount": max_("amount", windows=(DAY, WEEK, FORTNIGHT, SEASON)),
        "median_amount": quantile("amount", q=0.5, windows=(SEASON, LIFETIME)),
        "ninetieth_amount": quantile("amount", q=0.9, windows=(SEASON, LIFETIME)),
    },
    owner="card-risk@example.com",
    description="How often and how much a customer pays, before the payment that is judged.",
)

customer_history = FeatureView(
    name="customer_history",
    entity=customer,
    source=outcomes,
    aggregates={
        "customer_frauds": count(
            where="is_fraud = 1", windows=(WEEK, FORTNIGHT, days(28)), delay=days(7)
        ),
    },
    owner="card-risk@example.com",
    description="Frauds on a customer's card that are known by now.",
)

terminal_history = FeatureView(
    name="terminal_history",
    entity=terminal,
    source=outcomes,
    aggregates={
        "terminal_payments": count(
            windows=(DAY, days(3), WEEK, FORTNIGHT, days(28)), delay=days(7)
        ),
        "terminal_frauds": sum_(
            "is_fraud", windows=(DAY, days(3), WEEK, FORTNIGHT, days(21), days(28)), delay=days(7)
        ),
        "seconds_since_terminal_fraud": seconds_since_last(
            where="is_fraud = 1", windows=(days(28),), delay=days(7)
        ),
        "seconds_since_first_terminal_fraud": seconds_since_first(
            where="is_fraud = 1", windows=(days(28),), delay=days(7)
        ),
    },
    owner="card-risk@example.com",
    description="What is known of a terminal's payments, a week late.",
)

card_features = FeatureService(
    name="card_features",
    spine_columns="amount",
    features=(
        Derived(name="hour", expression="hour(paid_at)", description="Of the day, UTC."),
        Derived(name="is_weekend", expression="CAST(weekday(paid_at) >= 5 AS INT)"),
        customer_habits,
        customer_history,
        terminal_history,
        Derived(
            name="amount_per_usual",
            expression="try_divide(amount, median_amount_lifetime)",
            description="How many times the customer's median payment this one is.",
        ),
        Derived(
            name="amount_score",
            expression="try_divide(amount - mean_amount_60d, stddev_amount_60d)",
            description="How many standard deviations above the customer's mean.",
        ),
        Derived(
            name="fortnight_per_season",
            expression="try_divide(mean_amount_14d, median_amount_lifetime)",
            description="Whether the customer has been paying more than usual for two weeks.",
        ),
        Derived(
            name="terminal_fraud_rate_7d",
            expression="terminal_frauds_7d_delay_7d / (terminal_payments_7d_delay_7d + 1.0)",
        ),
        Derived(
            name="terminal_fraud_rate_28d",
            expression="terminal_frauds_28d_delay_7d / (terminal_payments_28d_delay_7d + 1.0)",
        ),
    ),
    description="Habits of the customer, known history of the terminal.",
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
    review_capacity=100,
    review_entity="customer_id",
    owner="card-risk@example.com",
    description="Will this payment be reported as fraud?",
)

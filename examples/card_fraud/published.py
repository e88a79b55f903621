"""The twelve windowed features that the Fraud Detection Handbook publishes, and a model on them."""

from examples.card_fraud.cards import (
    card_payments,
    customer,
    is_fraud,
    outcomes,
    payments,
    terminal,
)
from stockade import (
    Derived,
    FeatureService,
    FeatureView,
    ModelSpec,
    TrainingSet,
    count,
    days,
    mean,
)

DAY, WEEK, MONTH = days(1), days(7), days(30)

customer_spending = FeatureView(
    name="customer_spending",
    entity=customer,
    source=payments,
    # The handbook's windows end at the payment and contain it.
    boundary="inclusive",
    aggregates={
        "customer_payments": count(windows=(DAY, WEEK, MONTH)),
        "customer_mean_amount": mean("amount", windows=(DAY, WEEK, MONTH)),
    },
    owner="card-risk@example.com",
    description="How often and how much a customer pays, the payment itself included.",
)

terminal_risk = FeatureView(
    name="terminal_risk",
    entity=terminal,
    source=outcomes,
    boundary="inclusive",
    aggregates={
        # Windows end a week before the payment: later outcomes are not known yet.
        "terminal_payments": count(windows=(DAY, WEEK, MONTH), delay=days(7)),
        "terminal_fraud_rate": mean("is_fraud", windows=(DAY, WEEK, MONTH), delay=days(7)),
    },
    owner="card-risk@example.com",
    description="How many payments a terminal takes and how many proved fraudulent, a week late.",
)

published_features = FeatureService(
    name="published_features",
    spine_columns="amount",
    features=(
        Derived(
            name="is_weekend",
            expression="CAST(weekday(paid_at) >= 5 AS INT)",
            description="Saturday or Sunday, UTC.",
        ),
        Derived(
            name="is_night",
            expression="CAST(hour(paid_at) <= 6 AS INT)",
            description="Before seven in the morning, UTC.",
        ),
        customer_spending,
        terminal_risk,
    ),
    description="The fifteen inputs of the handbook's models.",
)

published_training = TrainingSet(
    name="published_training",
    spine=card_payments,
    features=published_features,
    label=is_fraud,
    description="Card payments with the handbook's features.",
)

card_fraud_published = ModelSpec(
    name="card_fraud_published",
    training_set=published_training,
    review_capacity=100,
    review_entity="customer_id",
    owner="card-risk@example.com",
    description="Will this payment be reported as fraud? The handbook's features.",
)

"""Who pays where, and what is known of it when."""

from stockade import Entity, EventSource, Label, Query, Spine, days

customer = Entity(name="customer", keys="customer_id", description="Who holds the card.")
terminal = Entity(name="terminal", keys="terminal_id", description="Where the card is used.")

# A fraud is reported a week after the payment: until then its outcome is not known to anyone.
REPORTING = days(7)

payments = EventSource(
    name="payments",
    origin=Query(sql="SELECT customer_id, terminal_id, paid_at, amount FROM {card_transactions}"),
    event_time="paid_at",
    description="Card payments, known at once; without their outcome.",
    owner="card-risk@example.com",
)

outcomes = EventSource(
    name="outcomes",
    origin="card_transactions",
    event_time="paid_at",
    settling_delay=REPORTING,
    description="Card payments with their outcome, known a week later.",
    owner="card-risk@example.com",
)

frauds = EventSource(
    name="frauds",
    origin=Query(
        sql="SELECT transaction_id, paid_at FROM {card_transactions} WHERE is_fraud = 1",
    ),
    event_time="paid_at",
    settling_delay=REPORTING,
    description="Payments reported as fraudulent.",
    owner="card-risk@example.com",
)

card_payments = Spine(
    name="card_payments",
    origin=Query(
        sql="SELECT transaction_id, customer_id, terminal_id, paid_at, amount "
        "FROM {card_transactions}",
    ),
    decided_at="paid_at",
    id="transaction_id",
    description="Each payment at the moment it is made: allow it or not?",
)

is_fraud = Label(
    name="is_fraud",
    source=frauds,
    keys={"transaction_id": "transaction_id"},
    # The payment itself is the event: it is fraudulent or not from the first moment.
    horizon=days(0),
    reporting_delay=REPORTING,
    description="The payment was made by someone other than the card's owner.",
)

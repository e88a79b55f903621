"""The things that Trust & Safety judges."""

from stockade import Entity

account = Entity(
    name="account",
    keys="account_id",
    description="A customer's account at the exchange.",
)

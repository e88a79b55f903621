"""The card example as notebooks are tested with it: few trees, gates for a small world."""

from dataclasses import replace

from examples.card_fraud.cards import customer, payments, terminal
from examples.card_fraud.model import card_fraud
from stockade import Gates

model = replace(
    card_fraud,
    fixed={**card_fraud.fixed, "n_estimators": 40},
    gates=Gates(bias=2.0, slice_bias=5.0, slice_drop=0.5),
)

__all__ = ["customer", "model", "payments", "terminal"]

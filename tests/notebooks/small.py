"""The card example as notebooks are tested with it: few trees, gates for a small world."""

from dataclasses import replace

from examples.card_fraud.cards import customer, payments, terminal
from examples.card_fraud.model import card_fraud
from stockade import Gates, Uniform

model = replace(
    card_fraud,
    search={**card_fraud.search, "n_estimators": Uniform(low=20, high=60, whole=True)},
    gates=Gates(bias=2.0, slice_bias=5.0, slice_drop=0.5),
)

__all__ = ["customer", "model", "payments", "terminal"]

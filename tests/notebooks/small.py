"""The card example as notebooks are tested with it: few trees, gates for a small world."""

from dataclasses import replace

import examples.card_fraud.model as whole
from stockade import Gates, Uniform

model = replace(
    whole.card_fraud,
    search={**whole.card_fraud.search, "n_estimators": Uniform(low=20, high=60, whole=True)},
    gates=Gates(bias=2.0, slice_bias=5.0, slice_drop=0.5),
)

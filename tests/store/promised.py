"""A source with a contract, for the command to load."""

from dataclasses import replace

from stockade import Contract, Rule
from tests.building import samples

promised = replace(
    samples.payments,
    contract=Contract(columns={"amount": Rule(type="double", high=20)}, max_violations=0.25),
)

"""Whose money an address holds: hops and tainted share from named addresses, as known by then.

The haircut taints what leaves an address as its balance is; first in, first out follows the coins
(Möser, Böhme & Breuker 2014; Anderson, Shumailov & Ahmed 2018).
"""

from stockade import FlowView, cycles, hops, tainted_share
from trust_safety.features.entities import address
from trust_safety.features.sources import CHAIN, address_labels, chain_transfers
from trust_safety.features.windows import MONTH, QUARTER, WEEK, YEAR

NAMED = ("sanctioned", "mixer", "ransomware", "scam", "phishing")

chain_exposure = FlowView(
    name="chain_exposure",
    entity=address,
    source=chain_transfers,
    sender="from_address",
    receiver="to_address",
    amount="amount_usd",
    labels=address_labels,
    category="category",
    hub=200,
    measures={
        "hops_from_named": hops(categories=NAMED),
        "hops_from_sanctioned": hops(categories="sanctioned"),
        "hops_from_mixer": hops(categories="mixer"),
        "hops_from_scam": hops(categories=("scam", "phishing")),
        "hops_to_named": hops(categories=NAMED, direction="sent"),
        "tainted_share": tainted_share(categories=NAMED, windows=(MONTH, QUARTER, YEAR)),
        "tainted_share_fifo": tainted_share(
            categories=NAMED, method="fifo", windows=(MONTH, QUARTER)
        ),
        "cycles_of_2": cycles(length=2, windows=(WEEK,)),
        "cycles_of_3": cycles(length=3, windows=(WEEK, MONTH)),
    },
    owner=CHAIN,
    description="How near the address is to addresses that somebody named, as published by then.",
)

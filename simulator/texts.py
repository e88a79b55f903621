"""What people write: payments' memos and messages to the help desk."""

import numpy as np
import pyarrow as pa

from trust_safety.simulator.draws import Array, Draws

MEMOS = (
    "rent",
    "dinner last week",
    "thanks",
    "invoice 2210",
    "birthday",
    "for the tickets",
    "my share",
    "groceries",
    "consulting march",
    "refund",
    "trip",
    "gift",
    "order 5521",
    "payment",
    "as agreed",
    "for the account",
)
SENT_MEMOS = ("my wallet", "investment platform", "fee to unlock", "for my friend")

_OPENINGS = ("Hello, ", "Hi, ", "Good morning. ", "", "Please help: ", "Hi team, ")
# By topic: investment, romance, urgent, ordinary. Honest people write of the first three too.
_MIDDLES = (
    (
        "my adviser says the platform needs another deposit before I can take my profit out",
        "how do I raise my limit, I want to invest more this week",
        "I moved my savings to a trading platform and want to send more",
        "is it safe to send to an investment address my mentor gave me",
        "I am new to investing and would like to buy every month",
    ),
    (
        "my fiance is abroad and needs help with the hospital, why is my transfer held",
        "a friend I met online showed me how to invest, can you release the money",
        "I want to send a gift to someone, the warning does not apply to us",
        "my partner and I are saving together, how do I send to her wallet",
    ),
    (
        "someone from your support called and said my account is at risk, I must move it now",
        "the officer says I have to pay today or there is a warrant",
        "I need this withdrawal to go out today, it is urgent",
        "my withdrawal is pending and I need it now please",
    ),
    (
        "I cannot find my tax report",
        "how long does a bank transfer take",
        "my new phone does not get the code",
        "the app shows the wrong balance after the update",
        "please explain the fee on my last order",
        "I changed my address, what do you need from me",
        "my withdrawal has not arrived yet",
        "how do I verify my identity for a higher limit",
        "what is the cheapest way to buy each month",
    ),
)
_ENDINGS = (".", ", thank you.", ". It is important to me.", "?", " please.", ". Regards")
TOPICS = len(_MIDDLES)
ORDINARY = TOPICS - 1


def tickets(seed: int, number: Array, rank: Array, topic: Array) -> pa.Array:
    """Messages of people on topics."""
    a, b, c, _ = Draws(seed, "texts").uniform(number, rank)
    sizes = np.array([len(middles) for middles in _MIDDLES])
    which = np.floor(b * sizes[topic]).astype(np.int64)
    return pa.array(
        [
            _OPENINGS[int(first)] + _MIDDLES[kind][int(middle)] + _ENDINGS[int(last)]
            for first, kind, middle, last in zip(
                np.floor(a * len(_OPENINGS)),
                topic.tolist(),
                which,
                np.floor(c * len(_ENDINGS)),
                strict=True,
            )
        ],
        pa.string(),
    )

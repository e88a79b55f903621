"""What may have happened, as a function that undoes it."""

from collections.abc import Callable
from dataclasses import dataclass

from stockade.watching.judge import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What may have happened: signal -> share of it that goes away, and what is left of it."""

    kind: str
    subject: str
    text: str
    undone: Callable[[Signal], tuple[float, str]]
    column: str = ""
    slice: str = ""
    # Of hypotheses that explain as much, the plainer one counts.
    cost: float = 0.0

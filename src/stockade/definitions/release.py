"""When to make money available that may still be called back."""

from dataclasses import dataclass, field
from datetime import timedelta

from stockade.definitions.model import ModelSpec
from stockade.definitions.names import DOC, check_column, check_name
from stockade.definitions.spine import Label
from stockade.definitions.window import check_delay
from stockade.errors import DefinitionError, raise_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One way to treat a payment; without anything, all of it is available at once.

    Attributes:
        name: as people will read it.
        hold: how long the money waits; what comes back meanwhile is not lost.
        limit: so much is available at once all the same; only the rest waits.
        refuses: whether the payment is not taken at all.
        friction: what it costs where the payment was honest, in the currency of the amounts.
    """

    name: str
    hold: timedelta = timedelta(0)
    limit: float | None = None
    refuses: bool = False
    friction: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_name(self.name, what="course")
        who = f"course '{self.name}'"
        check_delay(self.hold, who=who, what="hold")
        if not 0 <= self.friction < float("inf"):
            raise DefinitionError(f"{who}: friction cannot be negative or infinite")
        if self.limit is not None and (self.limit <= 0 or not self.hold):
            raise DefinitionError(f"{who}: a limit is above zero, and the rest needs a hold")
        if self.refuses and (self.hold or self.limit is not None):
            raise DefinitionError(f"{who} refuses, so there is nothing to hold or to limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A share of payments that must not come back, counted by the day they were made.

    Attributes:
        name: as people will read it.
        label: which payments came back so.
        rate: the level.
        description: whose level it is, and what follows from being above it.
    """

    name: str
    label: Label
    rate: float
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the rate."""
        check_name(self.name, what="level")
        if not 0 < self.rate < 1:
            raise DefinitionError(f"level '{self.name}': the rate is a share, between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStrategy:
    """For each band of risk the course with the least expected loss and friction.

    Attributes:
        name: the strategy's name.
        models: what may bring a payment back; all judge the same spine, and their risks add up.
        amount: spine column with the payment's amount.
        courses: the first is to make all available at once, and costs nothing.
        levels: what the rate of returns is held against.
        bands: shares of payments at which one band ends and the next begins, the least risky first.
        cohort: how long a period the levels look back over.
        owner, description: for people.
    """

    name: str
    models: tuple[ModelSpec, ...]
    amount: str
    courses: tuple[Course, ...]
    levels: tuple[Level, ...] = ()
    bands: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
    cohort: timedelta = timedelta(days=60)
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        check_name(self.name, what="strategy")
        who = f"strategy '{self.name}'"
        for name in ("models", "courses", "levels", "bands"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_column(self.amount, who=who)
        first = self.courses[0] if self.courses else None
        names = [course.name for course in self.courses]
        rules = [
            (bool(self.models), "has no models"),
            (
                len({model.training_set.spine.name for model in self.models}) <= 1,
                "has models of different spines: they must judge the same payments",
            ),
            (len(names) >= 2, "needs two courses at least"),
            (len(set(names)) == len(names), f"names a course twice: {names}"),
            (
                first is None or not (first.hold or first.refuses or first.friction),
                "begins with a course that holds something back: the first is to let all go",
            ),
            (
                list(self.bands) == sorted(set(self.bands))
                and all(0 < edge < 1 for edge in self.bands),
                "has bands that do not ascend between 0 and 1",
            ),
            (self.cohort > timedelta(0), "has a cohort without length"),
        ]
        raise_all(
            f"{who} does not fit together",
            [DefinitionError(f"{who} {fault}") for holds, fault in rules if not holds],
        )

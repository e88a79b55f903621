"""What to do about a decision, from what each course would cost."""

from dataclasses import dataclass

from stockade.definitions.names import check_name
from stockade.errors import DefinitionError, raise_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One course of action, and what it costs in the currency of the policy's loss.

    Attributes:
        name: as it will be written beside each score.
        cost: of each decision that is treated so, say an analyst's time.
        prevented: share of a positive's loss that is spared, 0 to 1.
        friction: what it costs where the decision was honest, say a customer who leaves.
        capped: whether the model's `review_capacity` a day holds for it.
    """

    name: str
    cost: float = 0.0
    prevented: float = 0.0
    friction: float = 0.0
    capped: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_name(self.name, what="action")
        if not 0 <= self.prevented <= 1:
            raise DefinitionError(f"action '{self.name}': prevented is a share, 0 to 1")
        if not (0 <= self.cost < float("inf") and 0 <= self.friction < float("inf")):
            raise DefinitionError(f"action '{self.name}': costs cannot be negative or infinite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choose the action with the least expected cost (Elkan 2001).

    With probability p of a positive that would lose `loss`, an action is expected to cost
    `cost + (1 - p) * friction + p * loss * (1 - prevented)`. So there is no one threshold: each
    amount has its own. Of equals, the earlier action is taken.

    Attributes:
        loss: spine column with the amount at risk; where it is null, the mean amount counts.
        actions: the first is what happens without suspicion and costs nothing.
        pass_through: share of the decisions due for another action that get the first one all the
            same, by lot. Only so can be learnt what would have become of them.
        explored: share of the capped action's capacity that is spent, by lot, on decisions that
            are due for the first action. Only so is found what the model does not suspect.
    """

    loss: str
    actions: tuple[Action, ...]
    pass_through: float = 0.0
    explored: float = 0.0

    def __post_init__(self) -> None:
        """Check that the actions make a choice."""
        object.__setattr__(self, "actions", tuple(self.actions))
        names = [action.name for action in self.actions]
        first = self.actions[0] if self.actions else None
        capped = [action.name for action in self.actions if action.capped]
        rules = [
            (len(names) >= 2, "needs two actions at least"),
            (len(set(names)) == len(names), f"names an action twice: {names}"),
            (
                first is None or (first.cost, first.friction, first.capped) == (0, 0, False),
                "begins with an action that costs something: the first is to let pass",
            ),
            (len(capped) <= 1, f"caps {capped}: review capacity can hold for one action only"),
            (bool(capped) or not self.explored, "explores, and no action is capped"),
            (0 <= self.pass_through < 1, "passes a share through that is not in [0, 1)"),
            (0 <= self.explored < 1, "explores a share that is not in [0, 1)"),
        ]
        raise_all(
            "policy does not make a choice",
            [DefinitionError(f"policy {fault}") for holds, fault in rules if not holds],
        )

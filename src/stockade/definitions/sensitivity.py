"""Which columns may be seen by whom, and for what."""

from collections.abc import Iterable
from typing import Literal

from stockade.definitions.names import check_name, tuple_of
from stockade.errors import DefinitionError, hint

# public, internal   of no person
# personal           says something of a person; may be learnt from
# pii                says who a person is (name, address, document): no model sees its values
# prohibited         may not be used at all, not even counted (protected attributes)
# purpose_bound      only for the purposes that are listed beside it
Sensitivity = Literal["public", "internal", "personal", "pii", "prohibited", "purpose_bound"]
SENSITIVITIES: tuple[Sensitivity, ...] = (
    "public",
    "internal",
    "personal",
    "pii",
    "prohibited",
    "purpose_bound",
)

# What these give is a value of the column itself; the others count, compare or average.
REVEALING = frozenset({"first", "last", "last_n", "latest", "min", "max", "quantile"})


def check_sensitivity(sensitivity: str, purposes: Iterable[str], *, who: str) -> tuple[str, ...]:
    """The purposes as a tuple; raises `DefinitionError` where the two do not fit each other."""
    if sensitivity not in SENSITIVITIES:
        raise DefinitionError(
            f"{who}: sensitivity '{sensitivity}' is not one: {hint(sensitivity, SENSITIVITIES)}"
        )
    listed = tuple_of(purposes)
    for purpose in listed:
        check_name(purpose, what=f"{who}: purpose")
    if (sensitivity == "purpose_bound") != bool(listed):
        raise DefinitionError(
            f"{who}: purposes and sensitivity 'purpose_bound' go together: "
            "list what it may be used for, or choose another sensitivity"
        )
    return listed


def refusal(
    sensitivity: str, purposes: tuple[str, ...], *, purpose: str | None, revealed: bool
) -> str | None:
    """Why something may not be used so, or None.

    Args:
        sensitivity, purposes: of what is used.
        purpose: what for; None where nobody said.
        revealed: whether its own values would be seen, not only counts of them.
    """
    if sensitivity == "prohibited":
        return "which is prohibited: leave it out"
    if sensitivity == "pii" and revealed:
        return "whose values say who a person is (pii): count them, or leave it out"
    if sensitivity == "purpose_bound" and purpose not in purposes:
        asked = "and none is declared" if purpose is None else f"not '{purpose}'"
        allowed = ", ".join(f"'{one}'" for one in purposes)
        return f"which is bound to the purpose {allowed}, {asked}"
    return None

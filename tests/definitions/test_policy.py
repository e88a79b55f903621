"""A policy makes a choice, and gates bound something."""

from dataclasses import replace

import pytest

from stockade import Action, Gates, Policy
from stockade.errors import DefinitionError

allow = Action(name="allow")
review = Action(name="review", cost=3, prevented=0.9, friction=1, capped=True)
block = Action(name="block", prevented=1, friction=20)
policy = Policy(loss="amount", actions=(allow, review, block))


def faults_of(**changes: object) -> list[str]:
    with pytest.raises((DefinitionError, ExceptionGroup)) as raised:
        replace(policy, **changes)
    if isinstance(raised.value, ExceptionGroup):
        assert raised.value.message == "policy does not make a choice"
        return [str(fault) for fault in raised.value.exceptions]
    return [str(raised.value)]


def test_an_action_costs_and_prevents_nothing_unless_it_says_so() -> None:
    assert allow == Action(name="allow", cost=0, prevented=0, friction=0, capped=False)
    assert Action(name="block", prevented=1, friction=20) == block
    assert (policy.pass_through, policy.explored) == (0, 0)
    assert replace(policy, pass_through=0.99, explored=0.99).explored == 0.99
    assert replace(policy, actions=[allow, block]).actions == (allow, block)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Block it"}, "action name 'Block it' must be lower case letters"),
        ({"prevented": 1.01}, "action 'a': prevented is a share, 0 to 1$"),
        ({"prevented": -0.01}, "action 'a': prevented is a share, 0 to 1$"),
        ({"cost": -0.01}, "action 'a': costs cannot be negative or infinite$"),
        ({"cost": float("inf")}, "action 'a': costs cannot be negative or infinite$"),
        ({"friction": -0.01}, "action 'a': costs cannot be negative or infinite$"),
        ({"friction": float("inf")}, "action 'a': costs cannot be negative or infinite$"),
    ],
)
def test_an_action_with_impossible_numbers_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        Action(**{"name": "a", **wrong})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"actions": (allow,)}, "policy needs two actions at least"),
        (
            {"actions": (allow, block, block)},
            "policy names an action twice: ['allow', 'block', 'block']",
        ),
        *(
            (
                {"actions": (first, block)},
                "policy begins with an action that costs something: the first is to let pass",
            )
            for first in (replace(allow, cost=1), replace(allow, friction=1), review)
        ),
        (
            {"actions": (allow, review, replace(block, capped=True))},
            "policy caps ['review', 'block']: review capacity can hold for one action only",
        ),
        (
            {"actions": (allow, block), "explored": 0.1},
            "policy explores, and no action is capped",
        ),
        ({"pass_through": 1}, "policy passes a share through that is not in [0, 1)"),
        ({"pass_through": -0.01}, "policy passes a share through that is not in [0, 1)"),
        ({"explored": 1}, "policy explores a share that is not in [0, 1)"),
        ({"explored": -0.01}, "policy explores a share that is not in [0, 1)"),
    ],
)
def test_a_policy_that_makes_no_choice_is_refused(wrong: dict[str, object], said: str) -> None:
    assert faults_of(**wrong) == [said]


def test_all_faults_of_a_policy_come_together() -> None:
    assert faults_of(actions=(), explored=0.1) == [
        "policy needs two actions at least",
        "policy explores, and no action is capped",
    ]


@pytest.mark.parametrize("name", Gates.__dataclass_fields__)
def test_every_gate_may_be_shut_and_none_left_open(name: str) -> None:
    assert getattr(Gates(**{name: 0}), name) == 0
    assert getattr(Gates(**{name: 1_000.0}), name) == 1_000
    for wrong in (-0.01, float("inf"), float("nan")):
        with pytest.raises(DefinitionError) as raised:
            Gates(**{name: wrong})
        assert str(raised.value) == f"gates: {name} must be zero or more, and finite"

"""A model against the rules that would do without it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stockade.definitions.model import RULES_SCORE
from stockade.definitions.registry import Registry
from stockade.errors import DefinitionError
from stockade.learning.data import learning_data
from stockade.learning.rules import judge_rules
from stockade.learning.train import learning_columns
from tests.learning.samples import INPUTS, spec_with, training_table


def test_rules_are_judged_on_the_same_rows_as_the_model() -> None:
    spec = spec_with(rules="transfers_1d > 3")
    table = training_table(signal="linear")
    scores = pa.array(table.column("returns_30d").to_numpy(zero_copy_only=False))
    data = learning_data(table.append_column(RULES_SCORE, scores), learning_columns(spec, INPUTS))
    late = data.take(slice(800, len(data)))

    same = judge_rules(spec, late, np.asarray(late.rules))
    worse = judge_rules(spec, late, np.zeros(len(late)))

    assert same is not None
    assert worse is not None
    assert same.evaluation.roc_auc > 0.85
    assert same.difference is not None
    assert (same.difference.low, same.difference.high) == (0.0, 0.0)
    assert worse.difference is not None
    assert worse.difference.high < 0


def test_what_the_rules_do_not_know_is_not_suspicious() -> None:
    spec = spec_with(rules="transfers_1d > 3")
    table = training_table(rows=300)
    known = pa.array([None, 1.0] * 150)
    data = learning_data(table.append_column(RULES_SCORE, known), learning_columns(spec, INPUTS))

    assert set(np.asarray(data.rules)) == {0.0, 1.0}


def test_without_rules_nothing_is_compared() -> None:
    spec = spec_with()
    data = learning_data(training_table(rows=300), learning_columns(spec, INPUTS))

    assert judge_rules(spec, data, np.zeros(len(data))) is None


def test_rules_may_use_only_what_the_training_set_has() -> None:
    with pytest.raises(ExceptionGroup) as fault:
        Registry.of([spec_with(rules="transfer_1d > 3")])

    assert [str(one) for one in fault.value.exceptions] == [
        "model 'payment_return': rules use 'transfer_1d', which service 'payment_return' does not "
        "have: did you mean 'transfers_1d'?"
    ]


def test_empty_rules_are_refused() -> None:
    with pytest.raises(DefinitionError, match="rules are empty; leave them out"):
        replace(spec_with(), rules=" ")

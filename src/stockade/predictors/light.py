"""LightGBM's trees."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from stockade.predictors.model import Files, Matrix, Scores, UnsafeModelError

if TYPE_CHECKING:
    import lightgbm as lgb


@dataclass(frozen=True, slots=True, eq=False)
class LightTrees:
    """LightGBM's gradient-boosted trees; of several seeds, the mean probability."""

    inputs: tuple[str, ...]
    boosters: "tuple[lgb.Booster, ...]"

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "lightgbm"

    def predict(self, rows: Matrix) -> Scores:
        """Mean probability over the seeds; NaN is a missing value."""
        if len(rows) == 0:
            return np.empty(0)
        total = np.zeros(len(rows))
        for booster in self.boosters:
            total += np.asarray(booster.predict(rows, num_threads=1))
        return total / len(self.boosters)

    def contributions(self, rows: Matrix) -> Scores:
        """Exact Shapley values of the trees; the mean over the seeds."""
        total = np.zeros((len(rows), len(self.inputs)))
        if len(rows) == 0:
            return total
        for booster in self.boosters:
            # The last column is the average row's log odds.
            total += np.asarray(booster.predict(rows, num_threads=1, pred_contrib=True))[:, :-1]
        return total / len(self.boosters)

    def files(self) -> Files:
        """LightGBM's own text, one file per seed; numbers in it read back as they were."""
        many = len(self.boosters) > 1
        return {
            f"model-{n}.txt" if many else "model.txt": booster.model_to_string().encode()
            for n, booster in enumerate(self.boosters)
        }

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The trees that `files` wrote."""
        # It brings scikit-learn: not before a model of its kind is there.
        import lightgbm as lgb

        boosters: list[lgb.Booster] = []
        for name in sorted(files, key=lambda name: (len(name), name)):
            try:
                text = files[name].decode()
                _check_whole(text, inputs=len(inputs))
                booster = lgb.Booster(model_str=text)
            except (ValueError, LookupError, lgb.basic.LightGBMError) as fault:
                raise UnsafeModelError(
                    f"model file '{name}' is not a whole lightgbm model"
                ) from fault
            if tuple(booster.feature_name()) != inputs:
                raise UnsafeModelError(
                    f"model file '{name}' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            boosters.append(booster)
        return cls(inputs, tuple(boosters))


_END_OF_TREES = "end of trees\n"
_END = "end of parameters\n\npandas_categorical:null\n"


def _check_whole(text: str, *, inputs: int) -> None:
    """Raise ValueError or LookupError where LightGBM 4.7 would read beyond its memory.

    Its reader trusts the text: one that was cut short ends the process with a segmentation fault,
    and so would a tree that names a leaf or a column that is not there.
    """
    head, _, rest = text.partition("\n\n")
    sizes = [int(size) for size in _fields(head)["tree_sizes"].split()]
    ends = np.cumsum([0, *sizes])
    if rest[ends[-1] : ends[-1] + len(_END_OF_TREES)] != _END_OF_TREES or not text.endswith(_END):
        raise ValueError("cut short")
    for low, high in pairwise(ends):
        _check_tree(_fields(rest[low:high]), inputs=inputs)


def _check_tree(fields: Mapping[str, str], *, inputs: int) -> None:
    leaves, cuts = int(fields["num_leaves"]), int(fields["num_cat"])
    if leaves < 1 or int(fields["is_linear"]):
        raise ValueError("no tree")
    if leaves == 1:
        return
    columns, left, right, kinds, counts = (
        _whole_numbers(fields[name])
        for name in ("split_feature", "left_child", "right_child", "decision_type", "leaf_count")
    )
    children = np.concatenate([left, right])
    # Inner nodes count from 0, leaves downwards from -1; each but the root has one parent.
    everyone = np.r_[-leaves:0, 1 : leaves - 1]
    thresholds = [float(one) for one in fields["threshold"].split()]
    values = [float(one) for one in fields["leaf_value"].split()]
    lengths = [len(each) for each in (columns, left, right, kinds, thresholds)]
    if (
        lengths != [leaves - 1] * len(lengths)
        or [len(values), len(counts)] != [leaves, leaves]
        or not np.array_equal(np.sort(children), everyone)
        or columns.min() < 0
        or columns.max() >= inputs
    ):
        raise ValueError("no tree")
    by_category = np.array(thresholds)[kinds & 1 == 1]
    if not cuts and not len(by_category):
        return
    bounds = _whole_numbers(fields["cat_boundaries"])
    if (
        len(bounds) != cuts + 1
        or bounds[0]
        or (np.diff(bounds) < 1).any()
        or bounds[-1] != len(fields["cat_threshold"].split())
        or not np.isin(by_category, np.arange(cuts)).all()
    ):
        raise ValueError("no tree")


def _fields(block: str) -> Mapping[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.split("\n"))}


def _whole_numbers(text: str) -> NDArray[np.int64]:
    return np.array([int(one) for one in text.split()], np.int64)

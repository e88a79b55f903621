"""A forest that tells how easily a row is set apart from the others; no label is needed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stockade.predictors.model import Files, Matrix, Scores, UnsafeModelError

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class IsolationTree:
    """One tree, its nodes in an order in which parents come before their children.

    Attributes:
        column: node -> which input is cut; 0 in a leaf.
        cut: node -> values up to it go left; infinite in a leaf.
        left, right: node -> child; a leaf is its own.
        path: node -> the mean number of cuts until a row that came here is alone.
    """

    column: Places
    cut: Scores
    left: Places
    right: Places
    path: Scores


@dataclass(frozen=True, slots=True, eq=False)
class IsolationForest:
    """Trees of random cuts, each of a small sample (Liu, Ting & Zhou 2008): the odd fall out early.

    With h the mean path of a row and c that of an average search, the score is
    1 / (1 + 4^(h/c - 1)): it ranks as the authors' 2^(-h/c) does, is alike near one half, and its
    log odds are a sum over the cuts on the way, so that reasons add up to it.

    Attributes:
        inputs: the columns of the rows, in order.
        trees: at least one.
        missing: what stands for a missing value of each column: half its range below its least.
        usual: c.
    """

    inputs: tuple[str, ...]
    trees: tuple[IsolationTree, ...]
    missing: Scores
    usual: float

    @property
    def algorithm(self) -> str:
        """Which learner made it."""
        return "isolation"

    def predict(self, rows: Matrix) -> Scores:
        """One score per row, 0 to 1; not a probability until it is calibrated."""
        values = self.known(rows)
        total = np.zeros(len(rows))
        for tree in self.trees:
            total += tree.path[self._ways(tree, values)[-1]]
        odds = self._odds(total / len(self.trees) - self.usual)
        return 1.0 / (1.0 + np.exp(-odds))

    def contributions(self, rows: Matrix) -> Scores:
        """What each input's cuts add to the log odds (the path attribution of Saabas 2014)."""
        values, added = self.known(rows), np.zeros((len(rows), len(self.inputs)))
        everyone = np.arange(len(rows))
        for tree in self.trees:
            ways = self._ways(tree, values)
            for here, there in pairwise(ways):
                added[everyone, tree.column[here]] += tree.path[there] - tree.path[here]
        return self._odds(added / len(self.trees))

    def known(self, rows: Matrix) -> Scores:
        """The rows without missing values."""
        return np.where(np.isnan(rows), self.missing, rows.astype(np.float64))

    def _odds(self, paths: Scores) -> Scores:
        return -2 * np.log(2) / self.usual * paths

    @staticmethod
    def _ways(tree: IsolationTree, values: Scores) -> list[Places]:
        """The node of each row after each cut, until all have arrived; who has, stays."""
        everyone, ways = np.arange(len(values)), [np.zeros(len(values), np.int64)]
        while True:
            node = ways[-1]
            goes_left = values[everyone, tree.column[node]] <= tree.cut[node]
            onward = np.where(goes_left, tree.left[node], tree.right[node])
            if np.array_equal(onward, node):
                return ways
            ways.append(onward)

    def files(self) -> Files:
        """One JSON file; a leaf has no cut."""
        content = {
            "inputs": list(self.inputs),
            "missing": self.missing.tolist(),
            "usual": self.usual,
            "trees": [
                {
                    "column": tree.column.tolist(),
                    "cut": [None if np.isinf(cut) else float(cut) for cut in tree.cut],
                    "left": tree.left.tolist(),
                    "right": tree.right.tolist(),
                    "path": tree.path.tolist(),
                }
                for tree in self.trees
            ],
        }
        return {"model.json": json.dumps(content).encode()}

    @classmethod
    def from_files(cls, inputs: tuple[str, ...], files: Files) -> Self:
        """The forest that `files` wrote."""
        try:
            content = json.loads(files["model.json"])
            if tuple(content["inputs"]) != inputs:
                raise UnsafeModelError(
                    "model file 'model.json' was fitted on other columns than its manifest lists: "
                    "register the model again"
                )
            trees = tuple(_tree(one, columns=len(inputs)) for one in content["trees"])
            missing = np.asarray(content["missing"], np.float64)
            usual = float(content["usual"])
            if not trees or missing.shape != (len(inputs),) or not 0 < usual < np.inf:
                raise ValueError("not a forest")
            return cls(inputs, trees, missing, usual)
        except (ValueError, KeyError, TypeError, OverflowError) as fault:
            raise UnsafeModelError("model file 'model.json' is not an isolation forest") from fault


def _tree(fields: dict[str, Any], *, columns: int) -> IsolationTree:
    """Raise ValueError where a way through the tree would leave it or never end."""
    column, left, right = (_whole(fields[name]) for name in ("column", "left", "right"))
    cut = np.array([np.inf if one is None else float(one) for one in fields["cut"]], np.float64)
    path = np.asarray(fields["path"], np.float64)
    nodes = np.arange(len(cut))
    leaf = np.isinf(cut)
    onward = (left > nodes) & (right > nodes) & (left < len(cut)) & (right < len(cut))
    if (
        len(cut) == 0
        or any(one.shape != cut.shape for one in (column, left, right, path))
        or np.isnan(cut).any()
        or not np.isfinite(path).all()
        or not ((column >= 0) & (column < columns)).all()
        or not np.where(leaf, (left == nodes) & (right == nodes), onward).all()
    ):
        raise ValueError("not a tree")
    return IsolationTree(column, cut, left, right, path)


def _whole(values: Sequence[object]) -> Places:
    if not all(type(value) is int for value in values):
        raise ValueError("not whole numbers")
    return np.array(values, np.int64)

"""Grow an isolation forest: random cuts of small samples, whatever the labels are."""

from collections.abc import Mapping

import numpy as np

from stockade.learning.data import LearningData
from stockade.predictors.isolation import IsolationForest, IsolationTree, Scores

PARAMS = ("max_samples", "n_estimators")
_EULER = 0.5772156649015329


def fit_isolation(
    params: Mapping[str, str | int | float], data: LearningData, *, seed: int
) -> IsolationForest:
    """A forest of `n_estimators` trees (100), each of `max_samples` rows (256).

    Samples are drawn by the rows' weights. A missing value is as one half the column's range below
    its least: absence sets a row apart where it is rare. A category is its number, so categories
    are cut in the order of their commonness. The labels are not looked at.

    Source: Liu, Ting & Zhou, Isolation Forest, ICDM 2008.
    """
    random = np.random.default_rng(seed)
    size = min(int(params.get("max_samples", 256)), len(data))
    shares = None if data.weights is None else data.weights / data.weights.sum()
    missing = _missing(data)
    rows = np.where(np.isnan(data.rows), missing, data.rows.astype(np.float64))
    trees: list[IsolationTree] = []
    for _ in range(int(params.get("n_estimators", 100))):
        drawn = random.choice(len(rows), size, replace=shares is not None, p=shares)
        trees.append(_grow(rows[drawn], random))
    return IsolationForest(data.inputs, tuple(trees), missing, max(_search(size), 1.0))


def _missing(data: LearningData) -> Scores:
    stands = np.zeros(len(data.inputs))
    for j in range(len(data.inputs)):
        known = data.rows[:, j][~np.isnan(data.rows[:, j])].astype(np.float64)
        if len(known):
            low, high = known.min(), known.max()
            stands[j] = low - max((high - low) / 2, 1.0)
    return stands


def _grow(rows: Scores, random: np.random.Generator) -> IsolationTree:
    most = int(np.ceil(np.log2(max(len(rows), 2))))
    column, cut, left, right, path = ([0], [np.inf], [0], [0], [0.0])
    # Parents are taken before their children, so that a child's number is always higher.
    waiting = [(0, rows, 0)]
    order: list[tuple[int, int]] = [(0, len(rows))]
    while waiting:
        node, mine, depth = waiting.pop(0)
        path[node] = depth + _search(len(mine))
        low, high = mine.min(axis=0), mine.max(axis=0)
        open_ = np.flatnonzero(high > low)
        if depth == most or len(mine) < 2 or len(open_) == 0:
            continue
        column[node] = int(random.choice(open_))
        at = random.uniform(low[column[node]], high[column[node]])
        # At the upper end itself nothing would go right.
        cut[node] = at if at < high[column[node]] else float(low[column[node]])
        goes_left = mine[:, column[node]] <= cut[node]
        for side, part in ((left, mine[goes_left]), (right, mine[~goes_left])):
            child = len(cut)
            side[node] = child
            for values, value in (
                (column, 0),
                (cut, np.inf),
                (left, child),
                (right, child),
                (path, 0.0),
            ):
                values.append(value)  # type: ignore[arg-type]
            order.append((child, len(part)))
            waiting.append((child, part, depth + 1))
    return _with_mean_paths(
        IsolationTree(
            np.array(column), np.array(cut), np.array(left), np.array(right), np.array(path)
        ),
        dict(order),
    )


def _with_mean_paths(tree: IsolationTree, rows: Mapping[int, int]) -> IsolationTree:
    """Each inner node's path is the mean over its rows, so that ways down add up."""
    path = tree.path.copy()
    for node in range(len(path) - 1, -1, -1):
        one, other = int(tree.left[node]), int(tree.right[node])
        if one != node:
            path[node] = (path[one] * rows[one] + path[other] * rows[other]) / rows[node]
    return IsolationTree(tree.column, tree.cut, tree.left, tree.right, path)


def _search(rows: int) -> float:
    """The mean path of an unsuccessful search in a binary tree of so many rows."""
    if rows < 3:
        return float(rows == 2)
    return 2 * (np.log(rows - 1) + _EULER) - 2 * (rows - 1) / rows

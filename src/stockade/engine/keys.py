"""Dense numbers for keys of any columns, so that kernels see whole numbers only."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false


class Codes:
    """Dense numbers for the distinct keys of a spine; -1 where any part of a key is null."""

    def __init__(self, spine: pa.Table) -> None:
        """Number the keys in the order in which they come."""
        self._parts: list[pa.Array] = []
        self._steps: list[pa.Array | None] = []
        codes: NDArray[np.int64] | None = None
        for column in spine.columns:
            known = pc.drop_null(pc.unique(column))
            self._parts.append(known)
            part = _index(column, known)
            if codes is None:
                codes = part
                self._steps.append(None)
                continue
            mixed = _mix(codes, part, len(known))
            step = pc.unique(pa.array(mixed[mixed >= 0]))
            self._steps.append(step)
            codes = _index(pa.array(mixed), step)
        self.spine = np.empty(0, np.int64) if codes is None else codes
        last = self._steps[-1]
        self.count = len(self._parts[0]) if last is None else len(last)

    def of(self, keys: pa.Table) -> NDArray[np.int64]:
        """The numbers of other rows with the same key columns; -1 for keys the spine lacks."""
        codes = np.empty(0, np.int64)
        for column, known, step in zip(keys.columns, self._parts, self._steps, strict=True):
            part = _index(column.cast(known.type), known)
            codes = part if step is None else _index(pa.array(_mix(codes, part, len(known))), step)
        return codes


def ranked(*columns: pa.ChunkedArray) -> tuple[list[NDArray[np.int64]], int]:
    """Numbers in the order of the values for columns of one type; -1 for null. And how many."""
    known = pc.drop_null(pc.unique(pa.chunked_array([c for one in columns for c in one.chunks],
                                                    columns[0].type)))  # fmt: skip
    ordered = known.take(pc.sort_indices(known))
    return [_index(column, ordered) for column in columns], len(ordered)


def _index(column: pa.ChunkedArray | pa.Array, known: pa.Array) -> NDArray[np.int64]:
    found = pc.index_in(column, value_set=known)
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _mix(codes: NDArray[np.int64], part: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.where((codes < 0) | (part < 0), np.int64(-1), codes * max(size, 1) + part)

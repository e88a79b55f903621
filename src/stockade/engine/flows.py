"""Views of transfers on Spark: what a bucket of transfers and labels becomes."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pyarrow as pa

from stockade.definitions.measure import Measure
from stockade.definitions.pattern import FlowView
from stockade.engine.columns import category_codes, smallest_units
from stockade.engine.crowds import spans
from stockade.engine.flowing import Labels, Transfers, flow
from stockade.engine.graphs import codes_of, spans_of
from stockade.engine.shuffle import Kernel, keys_of, moments_of

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false

AMOUNT, CATEGORY, RECEIVER = "_amount", "_category", "_to"


def flow_kernel(view: FlowView, measures: Sequence[Measure], *, audit: bool) -> Kernel:
    """What a bucket of transfers becomes.

    The tables: decisions, transfers (`_k0` the sender, `_to0` the receiver, `_amount`, clocks),
    labels (`_k0`, `_category`, clocks).
    """

    def kernel(tables: Mapping[int, pa.Table]) -> Sequence[pa.Array]:
        spine, moved, named = tables[0], tables.get(1), tables.get(2)
        (asked, sender, receiver, noted), addresses = codes_of(
            keys_of(spine),
            None if moved is None else keys_of(moved),
            None if moved is None else keys_of(moved, RECEIVER).rename_columns(["_k0"]),
            None if named is None else keys_of(named),
        )
        time, valid = moments_of(spine)
        none = np.empty(0, np.int64)
        transfers = Transfers(
            sender=sender,
            receiver=receiver,
            amount=none if moved is None else smallest_units(moved.column(AMOUNT)),
            when=spans(none, none, none) if moved is None else spans_of(moved),
        )
        labels, names = _labels(named, noted)
        found = flow(
            transfers, labels, np.where(valid, asked, -1), time, measures, names=names,
            addresses=addresses, hub=view.hub,
        )  # fmt: skip
        return [*found.columns, *((found.event_at, found.known_at) if audit else ())]

    return kernel


def _labels(named: pa.Table | None, noted: np.ndarray) -> tuple[Labels, list[str]]:
    if named is None:
        none = np.empty(0, np.int64)
        return Labels(address=none, category=none, when=spans(none, none, none)), []
    categories = named.column(CATEGORY).combine_chunks().dictionary_encode()
    codes, _ = category_codes(categories)
    names = cast("list[str]", categories.dictionary.to_pylist())
    return Labels(address=noted, category=codes, when=spans_of(named)), names

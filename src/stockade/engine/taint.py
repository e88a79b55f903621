"""What share of received money stems from labelled addresses, as of each decision.

All transfers are replayed in their order for the decisions in theirs. A transfer that becomes
known late, one that is superseded, and a label that comes or goes take back what was replayed
since, and it is replayed again: cost follows what changed, not history.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stockade.engine.crowds import Spans
from stockade.engine.program import FOREVER
from stockade.errors import DataError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# numba's decorator is untyped, and inside a kernel everything is a machine number: kernels are
# checked by tests against the reference, not by types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false, reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAttributeAccessIssue=false

# Lots that first in, first out may hold at once: 25 bytes each.
_MOST_LOTS = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """n transfers in their order, with what finds them.

    Attributes:
        sender, receiver, amount, when: of each transfer.
        carries: whether it passes on what its sender received.
        out, out_start: their places by sender; `into`, `into_start`: by receiver.
    """

    sender: Integers
    receiver: Integers
    amount: Integers
    when: Spans
    carries: Flags
    out: Integers
    out_start: Integers
    into: Integers
    into_start: Integers


def tainted_shares(
    ledger: Ledger,
    address: Integers,
    labelled: Spans,
    key: Integers,
    time: Integers,
    windows: Integers,
    *,
    fifo: bool,
) -> tuple[Floats, Flags]:
    """(Window, decision) -> share, and whether there is one.

    Args:
        ledger: the transfers.
        address, labelled: labels, of the categories that count.
        key, time: decisions in order of time.
        windows: microseconds, -1 for a lifetime.
        fifo: first in, first out instead of the haircut.

    Raises:
        DataError: first in, first out would cut money into more lots than memory holds.
    """
    lived = labelled.begin < labelled.end
    address, begin, end = address[lived], labelled.begin[lived], labelled.end[lived]
    when = ledger.when
    changes = (
        np.argsort(when.begin, kind="stable"), np.argsort(when.end, kind="stable"),
        np.argsort(begin, kind="stable"), np.argsort(end, kind="stable"),
    )  # fmt: skip
    found, valid, fits = _replay(
        ledger.sender, ledger.receiver, ledger.amount, when.time, when.begin, when.end,
        ledger.carries, ledger.out, ledger.out_start, ledger.into, ledger.into_start,
        *changes, address, begin, end, key, time, windows, fifo, _MOST_LOTS,
    )  # fmt: skip
    if not fits:
        raise DataError(
            "first in, first out cuts the money of these transfers into more lots than a task "
            f"holds ({_MOST_LOTS:,}): use method='haircut', or leave dust out of the source"
        )
    return found, valid


@njit(cache=True, nogil=True)
def _replay(
    sender: Integers, receiver: Integers, amount: Integers, time: Integers, begin: Integers,
    end: Integers, carries: Flags, out: Integers, out_start: Integers, into: Integers,
    into_start: Integers, by_begin: Integers, by_end: Integers, label_begins: Integers,
    label_ends: Integers, address: Integers, label_begin: Integers, label_end: Integers,
    key: Integers, at: Integers, windows: Integers, fifo: bool, most_lots: int,
) -> tuple[Floats, Flags, bool]:  # fmt: skip
    n, nodes = sender.size, out_start.size - 1
    found = np.zeros((windows.size, key.size))
    valid = np.zeros((windows.size, key.size), np.bool_)
    counts, bad = np.zeros(n, np.bool_), np.zeros(n)
    marks = np.zeros(nodes, np.int64)
    # The haircut's purses, and what they held before each transfer.
    balance, dirty = np.zeros(nodes, np.int64), np.zeros(nodes)
    were = np.zeros((2, n), np.int64)
    were_dirty = np.zeros((2, n))
    # Lots in the order in which they came: chains from `head` to `tail`.
    head, tail = np.full(nodes, -1), np.full(nodes, -1)
    size, next_lot = np.empty(1024, np.int64), np.empty(1024, np.int64)
    tainted = np.empty(1024, np.bool_)
    lots = 0
    # Before each transfer: the sender's head and what was left of the lot that it cut; the
    # receiver's head and tail; how many lots there were.
    was = np.empty((6, n if fifo else 0), np.int64)
    shows, leaves, marked, cleared, done = 0, 0, 0, 0, 0
    for q in range(key.size):
        t = at[q]
        changed = done
        while shows < n and begin[by_begin[shows]] <= t:
            counts[by_begin[shows]] = True
            changed = min(changed, by_begin[shows])
            shows += 1
        while leaves < n and end[by_end[leaves]] <= t:
            counts[by_end[leaves]] = False
            changed = min(changed, by_end[leaves])
            leaves += 1
        while marked < address.size and label_begin[label_begins[marked]] <= t:
            a = address[label_begins[marked]]
            marks[a] += 1
            if marks[a] == 1 and out_start[a] < out_start[a + 1]:
                changed = min(changed, out[out_start[a]])
            marked += 1
        while cleared < address.size and label_end[label_ends[cleared]] <= t:
            a = address[label_ends[cleared]]
            marks[a] -= 1
            if marks[a] == 0 and out_start[a] < out_start[a + 1]:
                changed = min(changed, out[out_start[a]])
            cleared += 1
        while done > changed:
            done -= 1
            p = done
            # What counted when it was replayed left its trace; -1 says that it did not.
            if bad[p] < 0:
                continue
            s, r = sender[p], receiver[p]
            if not fifo:
                balance[r], dirty[r] = were[1, p], were_dirty[1, p]
                balance[s], dirty[s] = were[0, p], were_dirty[0, p]
                continue
            head[r], tail[r] = was[3, p], was[4, p]
            if tail[r] >= 0:
                next_lot[tail[r]] = -1
            lots = was[5, p]
            head[s] = was[0, p]
            if was[1, p] >= 0:
                size[was[1, p]] = was[2, p]
        while done < n and time[done] < t:
            p = done
            done += 1
            bad[p] = -1.0
            if not counts[p]:
                continue
            s, r, worth = sender[p], receiver[p], amount[p]
            if not fifo:
                were[0, p], were_dirty[0, p] = balance[s], dirty[s]
                were[1, p], were_dirty[1, p] = balance[r], dirty[r]
                moved = 0.0
                if balance[s] > 0:
                    moved = dirty[s] * min(1.0, worth / balance[s])
                balance[s] = max(0, balance[s] - worth)
                dirty[s] = dirty[s] - moved if balance[s] > 0 else 0.0
                if marks[s] > 0:
                    moved = float(worth)
                elif not carries[p]:
                    moved = 0.0
                balance[r] += worth
                dirty[r] += moved
                bad[p] = moved
                continue
            was[0, p], was[1, p], was[2, p] = head[s], -1, 0
            was[3, p], was[4, p], was[5, p] = head[r], tail[r], lots
            sum_bad, left = 0, worth
            last = -1
            while left > 0:
                part, dirt = left, False
                lot = head[s]
                if lot >= 0:
                    part, dirt = min(left, size[lot]), tainted[lot]
                    if part == size[lot]:
                        head[s] = next_lot[lot]
                    else:
                        was[1, p], was[2, p] = lot, size[lot]
                        size[lot] -= part
                left -= part
                if marks[s] > 0:
                    dirt = True
                elif not carries[p]:
                    dirt = False
                if dirt:
                    sum_bad += part
                if last >= 0 and tainted[last] == dirt:
                    size[last] += part
                    continue
                if lots == size.size:
                    if lots >= most_lots:
                        return found, valid, False
                    size, next_lot = _twice(size), _twice(next_lot)
                    more = np.empty(lots * 2, np.bool_)
                    more[:lots] = tainted
                    tainted = more
                last = lots
                lots += 1
                size[last], next_lot[last], tainted[last] = part, -1, dirt
                if head[r] < 0:
                    head[r] = last
                else:
                    next_lot[tail[r]] = last
                tail[r] = last
            bad[p] = float(sum_bad)
        k = key[q]
        for w in range(windows.size):
            edge = -FOREVER if windows[w] < 0 else t - windows[w]
            received, taint = 0.0, 0.0
            low, high = into_start[k], into_start[k + 1]
            while low < high:
                middle = (low + high) // 2
                if time[into[middle]] < edge:
                    low = middle + 1
                else:
                    high = middle
            for j in range(low, into_start[k + 1]):
                p = into[j]
                if p >= done:
                    break
                if counts[p]:
                    received += amount[p]
                    taint += bad[p]
            if received > 0:
                found[w, q], valid[w, q] = taint / received, True
    return found, valid, True


@njit(cache=True, nogil=True)
def _twice(values: Integers) -> Integers:
    more = np.empty(values.size * 2, np.int64)
    more[: values.size] = values
    return more

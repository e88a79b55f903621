"""Kernels against the reference: generated histories, and large ones that stress structure."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from stockade.engine.bucket import Bucket, Events, Queries, compute
from stockade.engine.program import FOREVER, Output
from stockade.engine.reference import ReferenceEvent, in_window, value_at
from stockade.errors import DataError
from tests.engine.histories import VALUES, Event, History, histories

US = 1_000_000


@pytest.mark.slow
@settings(
    max_examples=20_000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(histories())
def test_kernels_equal_the_reference_on_generated_histories(history: History) -> None:
    for output in history.outputs:
        try:
            expected: object = list(reference(history, output))
        except DataError:
            expected = DataError
        try:
            found: object = kernel(history, output)
        except DataError:
            found = DataError
        assert agree(found, expected), (output, history.events, history.decisions, found, expected)


def test_outputs_computed_together_equal_those_computed_alone() -> None:
    draw = np.random.default_rng(5)
    history = large(draw, events=400, decisions=60, clocks="revised")
    together = compute(*sides(history), history.outputs, entities=4)

    for output, column in zip(history.outputs, together, strict=True):
        (alone,) = compute(*sides(history), [output], entities=4)
        assert column.to_pylist() == alone.to_pylist(), output


@pytest.mark.slow
@pytest.mark.parametrize("clocks", ["one", "known", "revised"])
def test_large_histories_reach_every_level_of_the_trees(clocks: str) -> None:
    draw = np.random.default_rng(7)
    history = large(draw, events=1_500, decisions=25, clocks=clocks)

    for output, column in zip(
        history.outputs, compute(*sides(history), history.outputs, entities=4), strict=True
    ):
        assert agree(column.to_pylist(), list(reference(history, output))), output


@pytest.mark.parametrize("clocks", ["one", "revised"])
def test_everything_at_one_instant_is_no_trouble(clocks: str) -> None:
    draw = np.random.default_rng(9)
    history = large(draw, events=800, decisions=12, clocks=clocks)
    history = replace(history, events=tuple(replace(event, time=7) for event in history.events))

    for output, column in zip(
        history.outputs, compute(*sides(history), history.outputs, entities=4), strict=True
    ):
        assert agree(column.to_pylist(), list(reference(history, output))), output


def test_a_huge_value_leaves_no_trace_once_it_is_out_of_the_window() -> None:
    values = [0.1, 1e300, 0.2, 0.3]
    events = tuple(
        Event(key=0, time=i, known=i, until=FOREVER, mask=True, value=v)
        for i, v in enumerate(values)
    )
    total = output("sum", window=2)
    history = History(
        column="double", clocks="one", settling=0, events=events,
        decisions=((0, 4),), outputs=(total,),
    )  # fmt: skip

    assert kernel(history, total) == [0.5]


def test_the_audit_clocks_are_the_latest_that_any_window_could_use() -> None:
    draw = np.random.default_rng(3)
    for clocks in ("one", "known", "revised"):
        history = large(draw, events=200, decisions=50, clocks=clocks)
        outputs = [output("count", window=5), output("count", window=3, delay=4)]
        events, queries = sides(history)
        used_event, used_known = Bucket(events, queries, entities=4).latest_used(outputs)
        for (key, moment), event_at, known_at in zip(
            history.decisions, used_event.to_pylist(), used_known.to_pylist(), strict=True
        ):
            counted = [
                event
                for event in reference_events(history, key)
                if moment is not None
                and event.visible_from <= moment < event.visible_until
                and any(in_window(one, moment, event.time) for one in outputs)
            ]
            assert event_at == max((e.time for e in counted), default=None)
            assert known_at == max((e.visible_from for e in counted), default=None)


def output(kind: str, *, window: int | None, delay: int = 0, column: str = "double") -> Output:
    from stockade.engine.program import result_type

    kind_type = result_type(kind, VALUES[column][0], exact=False, who="f")  # type: ignore[arg-type]
    return Output(
        name="f", kind=kind, value=None if kind == "count" else "v", mask=None, window=window,  # type: ignore[arg-type]
        delay=delay, inclusive=False, n=3 if kind == "last_n" else None,
        q=0.3 if kind == "quantile" else None, type=kind_type,
    )  # fmt: skip


def large(draw: np.random.Generator, *, events: int, decisions: int, clocks: str) -> History:
    """Many events over one long and three short entities, every aggregate over nested windows."""
    time = draw.integers(0, 2_000, events)
    known = time + np.where(draw.random(events) < 0.3, draw.integers(0, 300, events), 0)
    lasts = np.where(draw.random(events) < 0.3, draw.integers(0, 400, events), FOREVER)
    value = np.round(draw.normal(0, 100, events), 1)
    made = tuple(
        Event(
            key=int(0 if draw.random() < 0.9 else draw.integers(1, 4)),
            time=int(time[i]),
            known=int(known[i]),
            until=int(min(known[i] + lasts[i], FOREVER)),
            mask=bool(draw.random() < 0.7),
            value=None if draw.random() < 0.1 else float(value[i]),
        )
        for i in range(events)
    )
    kinds = (
        "count", "sum", "mean", "stddev", "variance", "min", "max", "first", "last", "last_n",
        "count_distinct", "entropy", "top_share", "seconds_since_last", "seconds_since_first",
        "quantile",
    )  # fmt: skip
    outputs = tuple(
        replace(output(kind, window=window, delay=delay), mask=mask)
        for kind in kinds
        for window, delay, mask in ((20, 0, None), (300, 0, None), (None, 0, "m"), (500, 35, None))
    )
    asked = tuple(
        (int(0 if draw.random() < 0.8 else draw.integers(1, 4)), int(draw.integers(0, 2_200)))
        for _ in range(decisions)
    )
    return History(
        column="double", clocks=clocks, settling=3 if clocks == "one" else 0, events=made,
        decisions=asked, outputs=outputs,
    )  # fmt: skip


def kernel(history: History, output: Output) -> list[object]:
    (column,) = compute(*sides(history), [output], entities=4)
    assert column.type == output.type
    return list[object](column.to_pylist())


def sides(history: History) -> tuple[Events, Queries]:
    found = history.events
    integers = {
        name: np.array([getattr(event, name) for event in found], np.int64)
        for name in ("key", "time", "known", "until")
    }
    values = pa.array([event.value for event in found], VALUES[history.column][0])
    events = Events(
        key=integers["key"],
        time=integers["time"],
        visible_from=None if history.clocks == "one" else integers["known"],
        visible_until=integers["until"] if history.clocks == "revised" else None,
        settling=history.settling if history.clocks == "one" else 0,
        values={"v": values},
        masks={"m": np.array([event.mask for event in found], np.bool_)},
    )
    keys = [-1 if key is None else key for key, _ in history.decisions]
    times = [0 if moment is None else moment for _, moment in history.decisions]
    valid = [moment is not None for _, moment in history.decisions]
    queries = Queries(
        key=np.array(keys, np.int64),
        time=np.array(times, np.int64),
        valid=None if all(valid) else np.array(valid, np.bool_),
    )
    return events, queries


def reference(history: History, output: Output) -> Iterator[object]:
    for key, moment in history.decisions:
        if key is None or moment is None:
            yield None
            continue
        passed = [
            event
            for event, source in zip(
                reference_events(history, key), of_key(history, key), strict=True
            )
            if output.mask is None or source.mask
        ]
        yield value_at(output, moment, passed)


def of_key(history: History, key: int | None) -> list[Event]:
    return [event for event in history.events if event.key == key]


def reference_events(history: History, key: int | None) -> list[ReferenceEvent]:
    return [
        ReferenceEvent(
            time=event.time,
            value=event.value,
            visible_from=event.time + history.settling if history.clocks == "one" else event.known,
            visible_until=event.until if history.clocks == "revised" else FOREVER,
        )
        for event in of_key(history, key)
    ]


def agree(found: object, expected: object) -> bool:
    """Equal; doubles to 1e-12 of their size, NaN equal to NaN."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(agree, found, expected))
    if isinstance(found, float) and isinstance(expected, float):
        if math.isnan(found) or math.isnan(expected):
            return math.isnan(found) and math.isnan(expected)
        return found == expected or math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)
    return type(found) is type(expected) and found == expected

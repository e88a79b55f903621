"""The parts of a value make the value."""

import math

import pytest
from hypothesis import HealthCheck, given, settings

from stockade.engine.contributions import parts, whole
from stockade.engine.program import Output, result_type
from stockade.engine.reference import ReferenceEvent, aggregate, in_window
from stockade.errors import DataError
from tests.engine.histories import VALUES, History, histories
from tests.engine.test_kernels import reference_events


def near(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(near, one, other))
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, abs(one)))
    return type(one) is type(other) and one == other


@pytest.mark.slow
@settings(
    max_examples=10_000, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(histories())
def test_the_parts_make_the_value_of_every_aggregate(history: History) -> None:
    for key, moment in history.decisions:
        if key is None or moment is None:
            continue
        for output in history.outputs:
            counted = [
                event
                for event in reference_events(history, key)
                if event.visible_from <= moment < event.visible_until
                and in_window(output, moment, event.time)
            ]
            try:
                value = aggregate(output, counted, moment)
            except DataError:
                continue
            given_parts = parts(output, counted, moment)
            assert len(given_parts) == len(counted)
            made = whole(output, given_parts)
            assert near(made, value), (output, counted, given_parts, made, value)


def output(kind: str, column: str = "double", **named: object) -> Output:
    type_ = result_type(kind, VALUES[column][0], exact=False, who="f")  # type: ignore[arg-type]
    fields = {"n": None, "q": None, **named}
    return Output(
        name="f", kind=kind, value="v", mask=None, window=100, delay=0, inclusive=False,  # type: ignore[arg-type]
        type=type_, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def events(*values: object) -> list[ReferenceEvent]:
    return [ReferenceEvent(time=n, value=value) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("of", "values", "expected"),
    [
        (output("count"), (1.0, None, 2.0), [1, None, 1]),
        (output("sum"), (1.5, None, 2.0), [1.5, None, 2.0]),
        (output("mean"), (1.0, 3.0), [0.5, 1.5]),
        (output("count_distinct"), (2.0, 1.0, 2.0), [1, 1, None]),
        (output("max"), (2.0, 5.0, 5.0), [None, 5.0, None]),
        (output("last"), (2.0, 5.0, None), [None, 5.0, None]),
        (output("last_n", n=2), (1.0, 2.0, 3.0), [None, (1, 2.0), (0, 3.0)]),
        (output("quantile", q=0.25), (1.0, 3.0, 5.0), [0.5, 1.5, None]),
        (output("variance"), (1.0, 3.0, 2.0), [0.5, 0.5, 0.0]),
        (output("top_share"), (1.0, 3.0, 1.0), [1 / 3, None, 1 / 3]),
    ],
)
def test_who_adds_what(of: Output, values: tuple[object, ...], expected: list[object]) -> None:
    found = parts(of, events(*values), 50)

    assert [one if one is None else pytest.approx(one) for one in expected] == found

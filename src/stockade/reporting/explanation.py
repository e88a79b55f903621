"""Why a value is what it is, and why a decision was made: one HTML file each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from stockade.engine.contributions import as_number
from stockade.reporting import charts
from stockade.reporting.page import Figure, Grid, Link, Page, Part, Tile, grid, html

if TYPE_CHECKING:
    from stockade.building.explain import ExplainedEvent, Explanation
    from stockade.scoring.decision import ExplainedDecision, ExplainedReason

# Of events and near misses, the first so many are written out.
_ROWS = 200


def value_html(found: "Explanation") -> str:
    """An explanation as one HTML file; it holds what the events hold."""
    page = Page(
        anchor="value", group="This value", title="What is behind it", short=found.feature,
        lead=[*_lead(found)], tiles=[*_tiles(found)], parts=[*_parts(found)],
    )  # fmt: skip
    return html(f"Why {found.feature} is {_text(found.value)}", [page])


def decision_html(found: "ExplainedDecision") -> str:
    """An explained decision as one HTML file; it holds what the events hold."""
    pages = [_decision(found)]
    pages += [_reason(n, reason) for n, reason in enumerate(found.reasons, start=1)]
    return html(f"Why decision {_pairs(found.id)} was made", pages)


def _decision(found: "ExplainedDecision") -> Page:
    tiles = [
        Tile(value=f"{found.probability:.2%}", words=f"probability, {_calibrated(found)}"),
        Tile(value=f"{found.score:.4f}", words="score, by which decisions are ranked"),
    ]
    if found.action:
        said = f"action of the policy, a chance of {found.propensity:.1%}"
        tiles.append(Tile(value=found.action, words=said))
    if found.at_risk is not None:
        tiles.append(Tile(value=f"{found.at_risk:,.2f}", words="at risk"))
    standing = found.standing[0].upper() + found.standing[1:]
    return Page(
        anchor="decision", group="This decision", title="What was decided",
        short="The decision", tiles=tiles, parts=[*_policy(found), _reasons(found)],
        lead=[
            f"Made on {_clock(found.decided_at)} UTC, judged by '{found.model}' version "
            f"{found.version}. {standing}."
        ],
    )  # fmt: skip


def _policy(found: "ExplainedDecision") -> Iterator[Part]:
    if not found.policy:
        return
    rows = [
        (one.name, f"{one.cost:,.2f}", f"{one.cost + one.price:,.2f}", one.standing)
        for one in found.policy
    ]
    head = ("action", "expected cost", "with the price of capacity", "choice")
    yield Part(
        title="What the policy weighed",
        text=["The action that is expected to cost least is taken, unless a lot decides otherwise: "
              "only so is learnt what becomes of decisions that are treated differently."],
        tables=[grid("Expected cost, in the currency of the amount at risk", head, rows)],
    )  # fmt: skip


def _reasons(found: "ExplainedDecision") -> Part:
    if not found.reasons:
        return Part(title="Reasons", text=["No input raises the score."])
    rows = [
        (str(n), Link(href=f"#reason-{n}", text=one.text), f"{one.contribution:+.2f}")
        for n, one in enumerate(found.reasons, start=1)
    ]
    added = {one.input: one.contribution for one in found.reasons}
    words = "what the reasons add to the score: " + ", ".join(
        f"{name} {value:+.2f}" for name, value in added.items()
    )
    return Part(
        title="Reasons",
        text=["What raises the score most, in log odds: 0.7 doubles them."],
        figures=[
            Figure(svg=charts.bars(added, x="log odds", words=words),
                   caption="What each reason adds.")
        ],
        tables=[grid("The weightiest first", ("rank", "reason", "log odds"), rows)],
    )  # fmt: skip


def _reason(n: int, reason: "ExplainedReason") -> Page:
    parts: list[Part] = []
    if reason.expression:
        rows = [(name, _text(value)) for name, value in reason.operands.items()]
        parts.append(
            Part(
                title="How it is computed", text=[f"{reason.input} = {reason.expression}"],
                tables=[grid("What it is computed from", ("column", "value"), rows)],
            )
        )  # fmt: skip
    if reason.undivided:
        rows = [(name, _text(value)) for name, value in reason.undivided.items()]
        parts.append(
            Part(
                title="Taken as a whole",
                text=["Columns of the decision itself, and measures of many events together, have "
                      "no parts to list."],
                tables=[grid("Values", ("column", "value"), rows)],
            )
        )  # fmt: skip
    for value in reason.values:
        parts.append(Part(title=_headline(value), text=[*_lead(value)]))
        parts += _parts(value)
    return Page(
        anchor=f"reason-{n}", group="Reasons", title=f"{n}. {reason.text}", short=reason.input,
        lead=[f"It adds {reason.contribution:+.2f} log odds to the score."],
        links=[Link(href="#decision", text="the decision")], parts=parts,
    )  # fmt: skip


def _headline(found: "Explanation") -> str:
    return f"{found.feature} = {_text(found.value)}"


def _lead(found: "Explanation") -> Iterator[str]:
    yield found.meaning[:1].upper() + found.meaning[1:] + "."
    opens, closes = ("after", "to") if found.inclusive else ("from", "to before")
    begin = "the beginning" if found.begin is None else _clock(found.begin)
    yield (
        f"Of {_pairs(found.keys)}, as known at {_clock(found.at)} UTC; events {opens} {begin} "
        f"{closes} {_clock(found.end)}."
    )


def _tiles(found: "Explanation") -> Iterator[Tile]:
    yield Tile(value=_text(found.value), words="the value")
    yield Tile(value=f"{len(found.events):,}", words="events make it up")
    yield Tile(value=f"{len(found.misses) + found.unread:,}", words="near it do not count")


def _parts(found: "Explanation") -> Iterator[Part]:
    yield Part(
        title="What makes it up",
        text=[_summed(found)],
        figures=[*_chart(found)],
        tables=[_events(f"Events that make up {found.feature}", found.events)]
        if found.events
        else (),
    )
    if found.misses:
        told = [f"And {found.unread:,} more, farther away."] if found.unread else []
        yield Part(
            title="What nearly did",
            text=["Each of these breaks a rule, and does not count.", *told],
            tables=[_events(f"Events that do not count for {found.feature}", found.misses)],
        )


def _summed(found: "Explanation") -> str:
    if not found.events:
        return "No event counts: the value is that of an empty window."
    adding = [one for one in found.events if one.part is not None]
    numbers = all(as_number(one.part) is not None for one in adding)
    said = "together they make it" if numbers else "it was picked from them"
    more = len(found.events) - _ROWS
    cut = f" The {_ROWS} weightiest are listed, {more:,} are not." if more > 0 else ""
    number = len(found.events)
    counting = "event counts" if number == 1 else "events count"
    return f"{number:,} {counting}, {len(adding):,} with a part in the value: {said}.{cut}"


def _chart(found: "Explanation") -> Iterator[Figure]:
    adding = [one for one in found.events if as_number(one.part) is not None and one.event_at]
    if not adding:
        return
    rows = [
        {"at": _iso(one.event_at), "value": as_number(one.part), "kind": "counts"} for one in adding
    ]
    rows += [
        {"at": _iso(one.event_at), "value": 0.0, "kind": "does not"}
        for one in found.misses
        if one.event_at is not None
    ]
    drawn = charts.moments(
        pd.DataFrame(rows), y="adds", begin=None if found.begin is None else _iso(found.begin),
        end=_iso(found.end), words=f"what each event adds to {found.feature}, by when it happened",
    )  # fmt: skip
    shaded = " The window is shaded." if found.begin is not None else ""
    yield Figure(svg=drawn, caption=f"What each event adds, by when it happened.{shaded}")


def _events(caption: str, events: Sequence["ExplainedEvent"]) -> Grid:
    columns = [*dict.fromkeys(name for one in events for name in one.columns)]
    missed = any(one.reasons for one in events)
    head = ("happened (UTC)", "known (UTC)", *columns, "why not" if missed else "adds")
    rows = [
        (
            _clock(one.event_at), _clock(one.known_at),
            *(_text(one.columns.get(name)) for name in columns),
            "; ".join(one.reasons) if missed else _part(one),
        )
        for one in events[:_ROWS]
    ]  # fmt: skip
    return grid(caption, head, rows)


def _part(event: "ExplainedEvent") -> str:
    return "nothing" if event.part is None else _text(event.part)


def _calibrated(found: "ExplainedDecision") -> str:
    return "the score itself" if found.calibration == "none" else f"by {found.calibration}"


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _clock(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")


def _text(value: object) -> str:
    """A value as it is, to the last digit."""
    return "null" if value is None else str(value)


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())

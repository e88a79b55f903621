"""What the command prints: results as lines of text."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stockade.building.contracts import ContractState
    from stockade.building.erase import Erased
    from stockade.building.explain import ExplainedEvent, Explanation
    from stockade.building.rebuild import Restatement
    from stockade.building.versions import Version
    from stockade.learning.backtest import Backtest
    from stockade.learning.evaluate import Evaluation
    from stockade.learning.leak import Leak
    from stockade.learning.release import Release
    from stockade.scoring.decision import ExplainedDecision
    from stockade.watching.monitor import Monitored


def evaluation_lines(what: str, found: "Evaluation") -> Iterator[str]:
    """Four figures in one line."""
    yield (
        f"{what}: average precision {found.average_precision:.3f}, ROC AUC {found.roc_auc:.3f}, "
        f"precision at capacity {found.precision_at_capacity:.3f}, "
        f"recall at capacity {found.recall_at_capacity:.3f}"
    )


def erased_lines(found: "Erased") -> Iterator[str]:
    """What was erased, and what is left to do."""
    for name, rows in sorted(found.rows.items()):
        yield f"{rows} {plural('row', rows)} deleted from table '{name}'"
    if not found.rows:
        yield f"no table that is written here holds that {found.entity}"
    for name in found.sources:
        yield f"table '{name}' holds it still: delete it where that table is loaded"
    for name in found.models:
        yield f"model '{name}' has learnt from it: build its training set and train it again"
    yield "old versions hold it until `stockade maintain` removes their files, after the retention"


def version_line(one: "Version") -> str:
    """A version of a view as it stands since it was recorded."""
    state = "current" if one.until is None else f"may be used until {one.until}"
    when = "" if one.recorded_at is None else f"{one.recorded_at:%Y-%m-%d %H:%M}  "
    return f"{when}{one.view} version {one.number}, table '{one.table}': {state}"


def explanation_lines(found: "Explanation") -> Iterator[str]:
    """An explanation as lines."""
    opens, closes = ("(", "]") if found.inclusive else ("[", ")")
    begin = "the beginning" if found.begin is None else _clock(found.begin)
    yield f"{found.feature} = {found.value}"
    yield found.meaning
    yield f"for {_pairs(found.keys)} at {_clock(found.at)}"
    yield f"window {opens}{begin}, {_clock(found.end)}{closes}, UTC"
    yield f"{len(found.events)} {plural('event', len(found.events))} make it up"
    for event in found.events:
        yield f"  {_event(event)}"
    if found.misses:
        yield f"{len(found.misses) + found.unread} near it do not count"
    for event in found.misses:
        yield f"  {_clock(event.event_at)}  {'; '.join(event.reasons)}  {_pairs(event.columns)}"
    if found.unread:
        yield f"  and {found.unread} more: --misses {len(found.misses) + found.unread}"


def decision_lines(found: "ExplainedDecision", *, events: int = 5) -> Iterator[str]:
    """A decision, its reasons, and of each value behind them the weightiest events."""
    yield f"decision {_pairs(found.id)} at {_clock(found.decided_at)}"
    means = "" if found.calibration == "none" else f" ({found.calibration} calibration)"
    yield (
        f"score {found.score:.4f}, probability {found.probability:.2%}{means}, by "
        f"'{found.model}' version {found.version}"
    )
    yield found.standing
    if found.policy:
        yield f"{found.at_risk:,.2f} at risk: {found.action}"
        table = [["action", "expected cost", "with capacity", ""]]
        for one in found.policy:
            costs = [f"{one.cost:,.2f}", f"{one.cost + one.price:,.2f}"]
            table.append([one.name, *costs, one.standing])
        yield from (f"  {line}" for line in _aligned(table))
    for n, reason in enumerate(found.reasons, start=1):
        yield f"{n}. {reason.text} ({reason.contribution:+.2f} log odds)"
        if reason.expression:
            yield f"   {reason.input} = {reason.expression}"
            yield f"   where {_pairs(reason.operands)}"
        for name, value in reason.undivided.items():
            yield f"   {name} = {value}: taken as a whole"
        for value in reason.values:
            number = len(value.events)
            yield f"   {value.feature} = {value.value}: {number} {plural('event', number)}"
            for event in value.events[:events]:
                yield f"     {_event(event)}"
            if number > events:
                yield f"     and {number - events} more"
    if not found.reasons:
        yield "no input raises the score"


def _event(event: "ExplainedEvent") -> str:
    part = "adds nothing" if event.part is None else f"adds {event.part}"
    late = "" if event.known_at == event.event_at else f", known {_clock(event.known_at)}"
    return f"{_clock(event.event_at)}{late}  {part:24s} {_pairs(event.columns)}"


def restatement_lines(found: "Restatement") -> Iterator[str]:
    """A restatement as lines."""
    if not found.causes:
        yield f"'{found.training_set}': inputs, definitions and build date are as recorded"
    for cause in found.causes:
        yield cause
        changes = [one for one in found.changes if one.cause == cause]
        for change in changes:
            yield f"  {change.rows:>8}  {change.column}  {change.how}"
        if not changes:
            yield "  changes nothing"
    if found.table is not None:
        yield f"today's rows are in table '{found.table}'"


def alert_lines(found: "Monitored") -> Iterator[str]:
    """What a run of the monitor found: a line per alert and day, and whose gate is open."""
    number = len({alert.alert_id for one in found.days for alert, _ in one.alerts})
    for one in found.days:
        for alert, causes in one.alerts:
            said = f"{causes[0].kind}: {causes[0].text}" if causes else alert.signals[0].text
            yield f"{one.day}  {alert.severity:8s}  {alert.alert_id}  {alert.root}: {said}"
    for model, why in found.unwatched.items():
        yield f"'{model}' is not watched: {why}"
    for model, why in found.retrain.items():
        yield f"'{model}' should learn anew: {why}"
    measures = sum(len(one.judged) for one in found.days)
    yield (
        f"{len(found.days)} {plural('day', len(found.days))}, {measures:,} measures, "
        f"{number} {plural('alert', number)}"
    )


def contract_lines(states: Iterable["ContractState"]) -> Iterator[str]:
    """The state of contracts: a line for each source, one for each thing that is wrong."""
    for state in states:
        if not state.declared:
            yield f"-     {state.source}   has no contract"
            continue
        told = "could not be checked"
        if state.check is not None:
            found = state.check.found
            told = f"{found.rows:,} rows, {found.violating:,} set aside"
            if found.newest is not None:
                told += f", newest event {_clock(found.newest)}"
        yield f"{'FAIL' if state.faults else 'ok  '}  {state.source}   {told}"
        for reason, rows in ({} if state.check is None else state.check.found.reasons).items():
            yield f"      {rows:>10,}  {reason}"
        for fault in state.faults:
            yield f"      {fault}"
        if state.check is not None and state.check.found.violating:
            yield f"      the rows are in table '{state.quarantine}'"


def replay_lines(found: "Backtest") -> Iterator[str]:
    """A replay: a line for each step, one for all."""
    models = list(found.pooled)
    whole = found.pooled["retrained"]
    head = ["trained on", "known", "revised", "judged", *models]
    table = [[*head, f"at {whole.capacity} a day", "calibration", "net"]]
    for step in found.steps:
        own = step.evaluations["retrained"]
        table.append(
            [
                f"{step.at:%Y-%m-%d}", f"{step.known:,}", f"{step.revised:,}", f"{step.rows:,}",
                *(_figure(step.evaluations[name], "average_precision") for name in models),
                _figure(own, "precision_at_capacity"), _figure(own, "calibration_error"),
                _money(step.net),
            ]
        )  # fmt: skip
    table.append(
        [
            "all", "", "", f"{whole.rows:,}",
            *(_figure(found.pooled[name], "average_precision") for name in models),
            _figure(whole, "precision_at_capacity"), "", _money(found.net),
        ]
    )  # fmt: skip
    yield (
        f"average precision of '{found.model}', trained again and again on what was known by then, "
        "once, and with hindsight;"
    )
    yield "precision of the reviews, calibration error and money saved of the first"
    yield from _aligned(table)


def leak_lines(found: "Leak") -> Iterator[str]:
    """A leak experiment: three lines of figures, and the inputs that gave it away."""
    yield (
        f"'{found.model}', and as if its features had been computed {found.ahead} after each "
        f"decision; {found.honest.rows:,} decisions of the test period"
    )
    names = ("average_precision", "roc_auc", "precision_at_capacity", "recall_at_capacity")
    table = [["", *(name.replace("_", " ") for name in names)]]
    for what, one in (
        ("as of each decision", found.honest),
        ("with hindsight, as it would be reported", found.promised),
        ("with hindsight, as it would do in use", found.kept),
    ):
        table.append([what, *(_figure(one, name) for name in names)])
    yield from _aligned(table)
    told = [f"{name} ({share:.0%})" for name, share in list(found.changed.items())[:8]]
    yield f"inputs that hindsight changes: {', '.join(told) or 'none'}"


def release_lines(found: "Release") -> Iterator[str]:
    """A release strategy: its bands, what courses cost in all, approvals and cohorts."""
    yield (
        f"'{found.strategy}' for {found.payments:,} payments from {found.since} to {found.until}, "
        f"by what was known at {found.as_of}"
    )
    models = list(found.delays)
    courses = list(found.bands[0].costs)
    table = [["risk", "payments", "mean amount", *models, *(f"cost {one}" for one in courses), ""]]
    for band in found.bands:
        table.append(
            [
                f"{band.low:.2%} to {band.high:.2%}", f"{band.payments:,}",
                f"{band.mean_amount:,.0f}",
                *(_expected_observed(band.expected[one], band.observed[one]) for one in models),
                *(f"{band.costs[one]:,.2f}" for one in courses), band.course,
            ]
        )  # fmt: skip
    yield "bands of risk: returns expected (observed), cost of a payment by course, the cheapest"
    yield from _aligned(table)
    for model, shares in found.delays.items():
        said = ", ".join(f"{share:.0%} after {n} d" for n, share in enumerate(shares, start=1))
        yield f"known of the returns of '{model}': {said}"
    yield f"in all, expected; and borne by the {found.mature:,} old enough to know"
    yield from _aligned(
        [
            [one, f"{total.expected:,.0f}", f"{total.borne:,.0f}"]
            for one, total in found.totals.items()
        ]
    )
    if found.approvals:
        levels = list(found.approvals[0].rates)
        yield "come back in the end, if only the least risky were approved"
        yield from _aligned(
            [
                ["approved", *levels],
                *(
                    [f"{point.approved:.1%}", *(f"{point.rates[one]:.2%}" for one in levels)]
                    for point in found.approvals
                ),
            ]
        )
    if found.cohorts:
        yield "by the day they were made, against the levels"
        yield from _aligned(_cohort_table(found))


def _cohort_table(found: "Release") -> list[list[str]]:
    head = ["made", "level", "limit", "payments", "approved", "came back", "observed", "matured"]
    table = [[*head, "known", "completed", "90 %", ""]]
    for one in found.cohorts:
        completed, interval = "-", "-"
        if one.completed is not None and one.low is not None and one.high is not None:
            completed, interval = f"{one.completed:.2%}", f"{one.low:.2%} to {one.high:.2%}"
        table.append(
            [
                f"{one.first} to {one.last}", one.level, f"{one.limit:.1%}", f"{one.payments:,}",
                f"{one.approved:.1%}", f"{one.reported:,}", f"{one.observed:.2%}",
                f"{one.matured:.0%}", f"{one.known:.0%}", completed, interval, one.verdict,
            ]
        )  # fmt: skip
    return table


def _expected_observed(expected: float, observed: float | None) -> str:
    return f"{expected:.2%} ({'-' if observed is None else f'{observed:.2%}'})"


def _aligned(table: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _money(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.0f}"


def _figure(found: "Evaluation | None", name: str) -> str:
    return "-" if found is None else f"{getattr(found, name):.3f}"


def _clock(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def plural(noun: str, number: int) -> str:
    """The noun as the number wants it."""
    if number == 1:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"

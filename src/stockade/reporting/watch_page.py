"""Pages of what is watched: the alert queue, and the monitor's tables."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from stockade.reporting import charts
from stockade.reporting.facts import Facts
from stockade.reporting.page import Figure, Grid, Link, Page, Part, grid
from stockade.watching.tally import ON_DAY

# Of each source, what is charted.
_SOURCE_MEASURES = {"rows": "rows a day", "hours_since_last_event": "hours since the last event"}
_ALARMS = 40
# Smaller probabilities would be none with one decimal.
_SEEN = 0.01


def queue_page(facts: Facts) -> Page:
    """Per model the decisions that people would look at first, with reasons."""
    parts: list[Part] = []
    idle = [one.spec.name for one in facts.models if not one.queue]
    for one in facts.models:
        name = one.spec.name
        if not one.queue:
            continue
        rows = [
            (line.id, line.day, _chance(line.probability), line.action or "-",
             "; ".join(line.reasons) or "none raises the score")
            for line in one.queue
        ]  # fmt: skip
        head = ("decision", "made (UTC)", "probability", "action", "reasons, the weightiest first")
        parts.append(
            Part(
                title=name,
                text=["A sample of the newest scored day, the most suspicious first. The raw "
                      f"events behind one: stockade explain decision {one.queue[0].id} "
                      f"--model {name}"],
                tables=[grid(f"Queue of {name}", head, rows)],
            )
        )  # fmt: skip
    if idle:
        none = "No decision is waiting, or nothing was scored"
        parts.append(Part(title="Without a queue", text=[f"{none}: {', '.join(idle)}."]))
    return Page(
        anchor="queue", group="Watching", title="Alert queue, a sample", short="Alert queue",
        lead=["What an investigator would see first, and why each is there."], parts=parts,
        links=[Link(href=f"#model-{one.spec.name}", text=one.spec.name) for one in facts.models],
    )  # fmt: skip


def _chance(probability: float) -> str:
    """As a percentage; of rare things, with as many digits as it takes to see them."""
    return f"{probability:.1%}" if probability >= _SEEN else f"{100 * probability:.2g}%"


def health_page(facts: Facts) -> Page:
    """What the monitor tables hold."""
    measures = facts.measures
    if not len(measures):
        lead = ["Nothing has been watched yet: stockade monitor --since DAY --until DAY writes it."]
        return Page(anchor="health", group="Watching", title="Data health", short="Data health",
                    lead=lead)  # fmt: skip
    days = sorted(measures[ON_DAY].unique())
    alarms = measures[measures["alarm"]]
    lead = [
        f"{len(measures):,} measures of {len(days)} days, {days[0]} to {days[-1]}; "
        f"{len(alarms):,} were beyond their limits, in {facts.alerts['alert_id'].nunique()} alerts."
    ]
    parts = [_alerts(facts), _sources(measures), *_charts(measures), _beyond(alarms)]
    return Page(anchor="health", group="Watching", title="Data health", short="Data health",
                lead=lead, parts=[one for one in parts if one is not None])  # fmt: skip


def newest_alerts(alerts: pd.DataFrame) -> pd.DataFrame:
    """The alerts that had signals on the newest day of the record."""
    return alerts[alerts[ON_DAY] == alerts[ON_DAY].max()] if len(alerts) else alerts


def alert_rows(alerts: pd.DataFrame, caption: str) -> Grid:
    """Alerts as a table."""
    head = ("alert", "severity", "where", "since", "likeliest cause", "explains")
    rows = [
        (row["alert_id"], row["severity"], row["root"], str(row["first_day"]),
         f"{row['cause']}: {row['cause_text']}", f"{row['explained']:.0%}")
        for row in alerts.to_dict("records")
    ]  # fmt: skip
    return grid(caption, head, rows)


def _alerts(facts: Facts) -> Part:
    if not len(facts.alerts):
        return Part(title="Alerts", text=["None was raised."])
    # Of each alert the day on which most was known.
    last = facts.alerts.sort_values(ON_DAY).groupby("alert_id", as_index=False).tail(1)
    shown = last.sort_values("first_day", ascending=False)
    return Part(
        title="Alerts",
        text=["One alert for each cause. In full: stockade diagnose ALERT"],
        tables=[alert_rows(shown.head(20), "Alerts, the newest first")],
    )


def _sources(measures: pd.DataFrame) -> Part | None:
    of = measures[(measures["layer"] == "source") & (measures["column"] == "")]
    if not len(of):
        return None
    newest = of[of[ON_DAY] == of[ON_DAY].max()]
    wide = newest.pivot_table(index="subject", columns="measure", values="value")
    names = [name for name in _NEWEST if name in wide]
    rows = [
        # A cell of NaN is told as `-`.
        (
            str(one),
            *(v if np.isnan(v := float(row[name])) else _NEWEST[name][1](v) for name in names),
        )
        for one, row in wide.iterrows()
    ]
    head = ("source", *(_NEWEST[name][0] for name in names))
    return Part(
        title="Sources on the newest day",
        text=["The suggested settling delay is what all but one row in a thousand of the last four "
              "weeks took to be known, an estimate: a source without a clock of its own should "
              "declare no less, and a nightly run should wait as long."]
        if "settling_delay" in names else (),
        tables=[grid("By source", head, rows)],
    )  # fmt: skip


def _as_share(value: float) -> str:
    return f"{value:.2%}"


def _as_length(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


# Of each source on the newest day, what is told and how.
_NEWEST: Mapping[str, tuple[str, Callable[[float], str | float]]] = {
    "rows": ("rows", float),
    "copy_share": ("copies", _as_share),
    "violation_share": ("break the contract", _as_share),
    "hours_since_last_event": ("hours since the last event", float),
    "lateness_p99": ("99 % known within", _as_length),
    "settling_delay": ("suggested settling delay", _as_length),
}


def _charts(measures: pd.DataFrame) -> Iterator[Part]:
    of = measures[(measures["layer"] == "source") & (measures["column"] == "")]
    for subject, mine in of.groupby("subject"):
        figures: list[Figure] = []
        for measure, unit in _SOURCE_MEASURES.items():
            rows = mine[mine["measure"] == measure].sort_values(ON_DAY)
            if len(rows) < 2:
                continue
            parts = [
                pd.DataFrame({"day": rows[ON_DAY], unit: rows[column], "of": of_what})
                for column, of_what in (("value", "seen"), ("expected", "expected"))
            ]
            shown = pd.concat(parts).dropna()
            figures.append(
                Figure(
                    svg=charts.lines(shown, x="day", y=unit, kind="of",
                                     words=f"{unit} of {subject}"),
                    caption=f"{unit.capitalize()} of {subject}, seen and expected.",
                )
            )  # fmt: skip
        if figures:
            yield Part(title=f"Source {subject}", figures=figures)


def _beyond(alarms: pd.DataFrame) -> Part:
    shown = alarms.sort_values(ON_DAY, ascending=False).head(_ALARMS)
    rows = [
        (str(row[ON_DAY]), f"{row['layer']} {row['subject']}", row["measure"].replace("_", " "),
         row["column"] or row["slice"] or "all", float(row["value"]), float(row["expected"]),
         float(row["limit"]))
        for row in shown.to_dict("records")
    ]  # fmt: skip
    head = ("day", "of", "measure", "column or slice", "value", "expected", "limit")
    return Part(
        title="Beyond the limits",
        text=[f"The newest {len(shown)} of {len(alarms):,}."] if len(shown) else ["None."],
        tables=[grid("Measures that alarmed", head, rows)] if len(shown) else (),
    )

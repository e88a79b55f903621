"""Definitions that break on rows with personal values, each in its way."""

from dataclasses import replace

from stockade import (
    Contract,
    Derived,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    Query,
    Rule,
    Spine,
    TrainingSet,
    count,
    days,
    sum_,
)

account = Entity(name="account", keys="account_id")
notes = EventSource(name="notes", origin="notes", event_time="written_at")
sound = FeatureView(
    name="sound", entity=account, source=notes, aggregates={"notes": count(windows=(days(2),))}
)
filtered = replace(
    sound,
    name="filtered",
    aggregates={"notes": count(where="cast(note as int) > 1", windows=(days(2),))},
)
asked = replace(
    sound,
    name="asked",
    source=replace(
        notes,
        name="asked_notes",
        origin=Query(
            sql="SELECT account_id, written_at, cast(note AS timestamp) AS note FROM {notes}",
        ),
    ),
    aggregates={"notes": count(where="note > '2026-01-01'", windows=(days(2),))},
)
summed = replace(
    sound, name="summed", aggregates={"total": sum_("amount", windows=(days(2),), exact=True)}
)
revised = replace(
    sound,
    name="revised",
    source=replace(notes, name="revised_notes", dedupe="account_id", version="revision"),
)
promised = replace(
    sound,
    name="promised",
    source=replace(
        notes, name="promised_notes", contract=Contract(columns={"note": Rule(values=("hello",))})
    ),
)
learnt = TrainingSet(
    name="learnt",
    spine=Spine(name="decisions", origin="decisions", decided_at="decided_at", id="note_id"),
    features=FeatureService(
        name="f",
        spine_columns="note",
        features=(sound, Derived(name="derived", expression="cast(note as bigint) + notes_2d")),
        hidden="note",
    ),
    label=Label(
        name="returned",
        source=EventSource(name="returns", origin="returns", event_time="returned_at"),
        keys={"note_id": "note_id"},
        horizon=days(1),
        reporting_delay=days(1),
    ),
)

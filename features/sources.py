"""The events that features are made of, with the clocks that say what was known when."""

from stockade import EventSource

login_events = EventSource(
    name="login_events",
    origin="login_events",
    event_time="attempted_at",
    available_at="ingested_at",
    dedupe="event_id",
    description="Sign-in attempts; delivered at least once, so copies of one event count once.",
    owner="account-integrity@example.com",
)

"""Planted incidents are seen, and the right cause is named first; quiet days stay quiet."""

import pytest

from benchmarks.incident_histories import DAYS, INCIDENTS, WARM, Incident
from benchmarks.incidents import before_onset, plant, quiet_alerts
from stockade.watching.judge import Judge

pytestmark = pytest.mark.slow
SEED = 0


@pytest.fixture(scope="module")
def before() -> Judge:
    """What is on record when the incident begins."""
    return before_onset(SEED)[0]


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.name)
def test_an_incident_is_seen_and_its_cause_is_named_first(
    incident: Incident, before: Judge
) -> None:
    found = plant(incident, SEED, before)

    assert found.delay is not None
    assert found.delay <= incident.days
    if incident.name == "stale champion":
        # On its first day ageing cannot be told from a break.
        assert found.first in ("stale champion", "concept drift")
    else:
        assert found.right, found


def test_quiet_days_cry_at_most_once_a_week() -> None:
    alerts = {one.alert.alert_id for one in quiet_alerts(SEED)}

    assert len(alerts) <= (DAYS - WARM) / 7

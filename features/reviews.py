"""What rules and people have already said of the account, as known by then."""

from stockade import FeatureView, count, max_, seconds_since_last
from trust_safety.features.entities import user
from trust_safety.features.sources import CRIME, alerts, case_outcomes, cases, enforcements
from trust_safety.features.windows import DAY, MONTH, QUARTER, WEEK, YEAR

alert_history = FeatureView(
    name="alert_history",
    entity=user,
    source=alerts,
    aggregates={
        "alerts": count(windows=(DAY, WEEK, QUARTER)),
        "highest_alert": max_("score", windows=(WEEK, QUARTER)),
        "seconds_since_alert": seconds_since_last(windows=(YEAR,)),
    },
    owner=CRIME,
    description="Alerts that rules raised.",
)

case_history = FeatureView(
    name="case_history",
    entity=user,
    source=cases,
    aggregates={"cases_opened": count(windows=(MONTH, YEAR))},
    owner=CRIME,
    description="Cases opened about the account.",
)

case_results = FeatureView(
    name="case_results",
    entity=user,
    source=case_outcomes,
    aggregates={
        "cases_confirmed": count(where="outcome = 'confirmed'", windows=(YEAR,)),
        "cases_dismissed": count(where="outcome = 'dismissed'", windows=(YEAR,)),
    },
    owner=CRIME,
    description="How cases about the account ended; one that is opened again ends anew.",
)

enforcement_history = FeatureView(
    name="enforcement_history",
    entity=user,
    source=enforcements,
    aggregates={"enforcements": count(windows=(QUARTER, YEAR))},
    owner=CRIME,
    description="Limits put on the account, unless an appeal was upheld.",
)

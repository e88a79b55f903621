"""Is somebody else signing in: stuffing, a swapped SIM, a stolen session?"""

from stockade import (
    Action,
    EventSource,
    FeatureService,
    Label,
    ModelSpec,
    Policy,
    Query,
    Spine,
    TrainingSet,
    days,
    hours,
)
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import account_age, account_age_days, account_profile
from trust_safety.features.calendar_days import hour_of_day
from trust_safety.features.credential_changes import (
    SEQUENCES,
    address_book,
    credential_changes,
)
from trust_safety.features.equity import equity, money_flow
from trust_safety.features.help_desk import lockout_tickets
from trust_safety.features.login_novelty import (
    LOGIN_PARTS,
    agent_novelty,
    country_novelty,
    days_with_device,
    device_novelty,
    login_ratios,
    network_novelty,
    round_trip_times,
)
from trust_safety.features.session_pace import session_pace
from trust_safety.features.shared_devices import device_users, network_listings, network_users
from trust_safety.features.sources import IDENTITY
from trust_safety.models.moments import DECLARED, SEARCH, blocked

sign_ins = Spine(
    name="sign_ins",
    origin=Query(
        sql=f"""
        SELECT l.*, u.age_band, u.country FROM (
          SELECT event_id, user_id, min(attempted_at) AS decided_at, max(device_id) AS device_id,
            max(ip_prefix) AS ip_prefix, max(asn) AS asn, max(ip_country) AS ip_country,
            max(asn_kind) AS asn_kind, max(platform) AS platform, max(user_agent) AS user_agent,
            max(mfa) AS mfa, max(rtt_ms) AS rtt_ms, max(latitude) AS latitude,
            max(longitude) AS longitude
          FROM {{obs_logins}} WHERE outcome = 'success' GROUP BY event_id, user_id) l
        LEFT JOIN {DECLARED} u ON u.user_id = l.user_id
        """  # noqa: S608 -- its own text
    ),
    decided_at="decided_at",
    id="event_id",
    description="Each sign-in with the right password: ask for more?",
)

reported_takeovers = EventSource(
    name="reported_takeovers",
    origin=Query(sql="SELECT * FROM {obs_reports} WHERE kind = 'ato'"),
    event_time="happened_at",
    available_at="known_at",
    dedupe="report_id",
    version="version",
    retracted="retracted",
    description="Events of sessions that the owner says were not theirs, unless it was a mistake.",
    owner=IDENTITY,
)

is_takeover_login = Label(
    name="is_takeover_login",
    source=reported_takeovers,
    keys={"event_id": "event_id"},
    # The sign-in itself is the event; it takes the owner up to six weeks to notice.
    horizon=hours(1),
    reporting_delay=days(45),
    blocks=blocked("blocked_logins", event="event_id", table="logins"),
    description="The owner says that it was somebody else.",
)

sign_in_features = FeatureService(
    name="sign_in_features",
    spine_columns=("asn_kind", "platform", "mfa", "rtt_ms", "latitude", "longitude", "age_band",
                   "country"),
    features=(
        account_profile.select("email_domain_age_days", "phone_type"),
        account_age,
        account_logins,
        device_novelty,
        network_novelty,
        country_novelty,
        agent_novelty,
        round_trip_times,
        device_users,
        network_users,
        network_listings,
        credential_changes,
        address_book,
        session_pace.select("sessions_1d", "sessions_30d", "median_pace_90d"),
        lockout_tickets,
        money_flow.select("money_in_usd_lifetime", "money_out_usd_lifetime"),
        account_age_days,
        days_with_device,
        *login_ratios,
        hour_of_day,
        equity,
    ),
    hidden=("latitude", "longitude", "age_band", "country", *LOGIN_PARTS, *SEQUENCES),
    owner=IDENTITY,
    description="How like its owner's sign-ins a sign-in is.",
)  # fmt: skip

takeover_login_training = TrainingSet(
    name="takeover_login_training",
    spine=sign_ins,
    features=sign_in_features,
    label=is_takeover_login,
    description="Sign-ins with what their owners said of them.",
)

takeover_login = ModelSpec(
    name="takeover_login",
    training_set=takeover_login_training,
    search=SEARCH,
    negatives=0.2,
    monotone={"days_with_device": -1, "users_of_network_1h": 1},
    metric="average_precision",
    review_capacity=10,
    review_entity="user_id",
    policy=Policy(
        loss="equity_usd",
        actions=(
            Action(name="let_in"),
            Action(name="step_up", prevented=0.8, friction=1.0, capped=True),
        ),
        explored=0.05,
    ),
    rules="IF(days_with_device IS NULL, 2, 0) + IF(seconds_with_country_lifetime IS NULL, 2, 0) "
    "+ IF(travel_km_per_hour > 900, 2, 0) + IF(failed_logins_1h >= 3, 1, 0) "
    "+ IF(asn_kind IN ('hosting', 'vpn'), 1, 0) + IF(users_of_network_1h >= 5, 1, 0)",
    slices=("age_band", "country", "platform"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=IDENTITY,
    description="Is somebody other than the owner signing in?",
)

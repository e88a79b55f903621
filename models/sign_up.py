"""Will whoever submits these documents turn out to be a mule, a thief or nobody at all?"""

from stockade import (
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    ModelSpec,
    Query,
    Spine,
    TrainingSet,
    count,
    days,
)
from trust_safety.features.account_logins import account_logins
from trust_safety.features.account_profile import (
    account_age,
    account_age_days,
    account_profile,
    document_users,
    household_users,
    identity_checks,
    person_users,
    referrer_burst,
)
from trust_safety.features.bank_accounts import bank_links_of_user
from trust_safety.features.calendar_days import hour_of_day
from trust_safety.features.entities import ip_prefix
from trust_safety.features.shared_devices import (
    device_users,
    network_listings,
    network_users,
    signup_devices,
)
from trust_safety.features.shared_identity import shared_identity
from trust_safety.features.sources import IDENTITY
from trust_safety.features.windows import DAY, MONTH, WEEK
from trust_safety.models.moments import SEARCH

submissions = Spine(
    name="submissions",
    origin=Query(
        sql="""
        SELECT k.*, u.country, u.age_band, u.device_id, u.referred_by, u.ip_prefix FROM (
          SELECT kyc_id, user_id, min(submitted_at) AS decided_at, max(tier) AS tier,
            max(doc_type) AS doc_type, max(doc_hash) AS doc_hash, max(face_match) AS face_match,
            max(address_hash) AS address_hash, max(dob_hash) AS dob_hash
          FROM {obs_kyc_events} GROUP BY kyc_id, user_id) k
        JOIN (
          SELECT user_id, min(country) AS country, min(age_band) AS age_band,
            min(signup_device_id) AS device_id, min(referred_by) AS referred_by,
            substring_index(min(signup_ip), '.', 3) AS ip_prefix
          FROM {obs_users} GROUP BY user_id) u ON u.user_id = k.user_id
        """
    ),
    decided_at="decided_at",
    id="kyc_id",
    description="Each submission of identity documents: accept it?",
)

signup_networks = EventSource(
    name="signup_networks",
    origin=Query(
        sql="SELECT user_id, substring_index(signup_ip, '.', 3) AS ip_prefix, signed_up_at, "
        "ingested_at FROM {obs_users}"
    ),
    event_time="signed_up_at",
    available_at="ingested_at",
    dedupe="user_id",
    description="Sign-ups with the network they came from.",
    owner=IDENTITY,
)

network_signups = FeatureView(
    name="network_signups",
    entity=ip_prefix,
    source=signup_networks,
    aggregates={"signups_of_network": count(windows=(DAY, WEEK, MONTH))},
    owner=IDENTITY,
    description="Accounts opened from one network.",
)

bad_ends = EventSource(
    name="bad_ends",
    origin=Query(
        sql="SELECT * FROM {obs_enforcements} WHERE action = 'off_board' "
        "AND reason <> 'account_takeover'"
    ),
    event_time="enforced_at",
    available_at="known_at",
    dedupe="enforcement_id",
    version="version",
    retracted="retracted",
    description="Accounts off-boarded for what their owners did.",
    owner=IDENTITY,
)

refused_accounts = EventSource(
    name="refused_accounts",
    origin=Query(
        sql="SELECT decision_id, user_id, decided_at, ingested_at FROM {obs_decisions} "
        "WHERE action = 'block' AND event_table = 'kyc_events'"
    ),
    event_time="decided_at",
    available_at="ingested_at",
    dedupe="decision_id",
    description="Submissions that the policy refused: the account never got to do anything.",
    owner=IDENTITY,
)

ends_badly = Label(
    name="ends_badly",
    source=bad_ends,
    keys={"user_id": "user_id"},
    horizon=days(75),
    reporting_delay=days(5),
    blocks=refused_accounts,
    description="Off-boarded for cause within 75 days.",
)

submission_features = FeatureService(
    name="submission_features",
    spine_columns=("tier", "doc_type", "face_match", "age_band", "country"),
    features=(
        account_profile.select(
            "email_domain_age_days", "phone_type", "declared_income_band", "occupation"
        ),
        account_age,
        identity_checks,
        document_users,
        person_users,
        household_users,
        shared_identity,
        referrer_burst,
        signup_devices,
        network_signups,
        device_users,
        network_users.select("users_of_network_1d", "users_of_network_7d"),
        network_listings,
        account_logins.select(
            "logins_1d", "logins_30d", "login_devices_30d", "login_countries_30d",
            "hosted_logins_30d", "failed_logins_1d",
        ),
        bank_links_of_user.select("banks_linked_7d", "lowest_name_match_365d"),
        account_age_days,
        hour_of_day,
    ),
    hidden=("age_band", "country", "occupation"),
    owner=IDENTITY,
    description="What a submission shows, and with whom its documents and devices are shared.",
)  # fmt: skip

sign_up_training = TrainingSet(
    name="sign_up_training",
    spine=submissions,
    features=submission_features,
    label=ends_badly,
    description="Submissions with what became of their accounts.",
)

sign_up = ModelSpec(
    name="sign_up",
    training_set=sign_up_training,
    search=SEARCH,
    monotone={"signups_of_device_30d": 1, "users_of_document_lifetime": 1, "face_match": -1},
    review_capacity=5,
    review_entity="user_id",
    rules="IF(users_of_document_lifetime > 0, 3, 0) + IF(signups_of_device_30d > 1, 2, 0) "
    "+ IF(email_domain_age_days < 30, 1, 0) + IF(phone_type = 'voip', 1, 0) "
    "+ IF(face_match < 0.75, 1, 0) + IF(siblings_7d > 2, 1, 0)",
    slices=("age_band", "country", "doc_type"),
    validation=days(42),
    test=days(70),
    trials=8,
    owner=IDENTITY,
    description="Will the account behind these documents be off-boarded for cause?",
)

"""Who opened the account, how, and how far it has come since: the account's life."""

from stockade import (
    FeatureView,
    LookupView,
    count,
    count_distinct,
    last,
    max_,
    min_,
    seconds_since_first,
    seconds_since_last,
)
from trust_safety.features.derived import days_since
from trust_safety.features.entities import document, household, person, referrer, user
from trust_safety.features.sources import IDENTITY, kyc_events, users
from trust_safety.features.windows import DAY, EVER, MONTH, WEEK, YEAR

account_profile = LookupView(
    name="account_profile",
    entity=user,
    source=users,
    columns=(
        "country", "age_band", "email_domain_age_days", "phone_type", "occupation",
        "declared_income_band",
    ),
    owner=IDENTITY,
    description="What was declared and seen at sign-up.",
    sensitivity="personal",
)  # fmt: skip

account_age = FeatureView(
    name="account_age",
    entity=user,
    source=users,
    aggregates={"seconds_since_signup": seconds_since_first(windows=EVER)},
    owner=IDENTITY,
    description="How long the account has been open.",
)

account_age_days = days_since(
    "account_age_days", "seconds_since_signup_lifetime", "Days since sign-up", owner=IDENTITY
)

identity_checks = FeatureView(
    name="identity_checks",
    entity=user,
    source=kyc_events,
    aggregates={
        "kyc_submissions": count(windows=(DAY, MONTH)),
        "kyc_failures": count(where="result <> 'passed'", windows=(MONTH, YEAR)),
        "kyc_tier": max_("tier", where="result = 'passed'", windows=EVER),
        "last_face_match": last("face_match", windows=EVER),
        "lowest_face_match": min_("face_match", windows=EVER),
        "documents": count_distinct("doc_hash", windows=EVER),
        "seconds_since_kyc": seconds_since_last(windows=EVER),
    },
    owner=IDENTITY,
    description="Identity documents submitted, refused, and how like the face was.",
    sensitivity="personal",
)

document_users = FeatureView(
    name="document_users",
    entity=document,
    source=kyc_events,
    aggregates={"users_of_document": count_distinct("user_id", windows=EVER)},
    owner=IDENTITY,
    description="Accounts that showed this document before; one person needs one.",
)

person_users = FeatureView(
    name="person_users",
    entity=person,
    source=kyc_events,
    aggregates={"users_of_person": count_distinct("user_id", windows=EVER)},
    owner=IDENTITY,
    description="Accounts with this date of birth and surname.",
)

household_users = FeatureView(
    name="household_users",
    entity=household,
    source=kyc_events,
    aggregates={
        "users_of_household": count_distinct("user_id", windows=(MONTH, YEAR)),
        "documents_of_household": count_distinct("doc_hash", windows=(YEAR,)),
    },
    owner=IDENTITY,
    description="Accounts at this postal address; a family is a few, a farm is many.",
)

referrals_made = FeatureView(
    name="referrals_made",
    entity=user,
    source=users,
    keys={"user_id": "referred_by"},
    aggregates={
        "referrals": count(windows=(DAY, WEEK, YEAR)),
        "referral_devices": count_distinct("signup_device_id", windows=(YEAR,)),
    },
    owner=IDENTITY,
    description="Accounts that this one invited.",
)

referrer_burst = FeatureView(
    name="referrer_burst",
    entity=referrer,
    source=users,
    aggregates={"siblings": count(windows=(DAY, WEEK, YEAR))},
    owner=IDENTITY,
    description="Accounts that the one who invited this account invited besides.",
)

"""The things that Trust & Safety judges, and the pairs in which they meet."""

from stockade import Entity

user = Entity(name="user", keys="user_id", description="A customer's account at the exchange.")
device = Entity(name="device", keys="device_id", description="A device's fingerprint.")
ip_prefix = Entity(
    name="ip_prefix", keys="ip_prefix", description="The first 24 bits of an internet address."
)
bank_account = Entity(
    name="bank_account", keys="bank_account_id", description="A bank account, by its numbers' hash."
)
routing = Entity(name="routing", keys="routing", description="A bank, by its routing number.")
card = Entity(name="card", keys="card_id", description="A payment card's fingerprint.")
card_bin = Entity(
    name="card_bin", keys="card_bin", description="A card's issuer and product: its first digits."
)
address = Entity(name="address", keys="address", description="An address on a chain.")
market = Entity(name="market", keys="market", description="A pair that is traded.")
document = Entity(name="document", keys="doc_hash", description="An identity document's hash.")
person = Entity(
    name="person", keys="dob_hash", description="A date of birth with a surname, hashed."
)
household = Entity(name="household", keys="address_hash", description="A postal address's hash.")
referrer = Entity(name="referrer", keys="referred_by", description="The account that invited.")
cohort = Entity(
    name="cohort",
    keys=("country", "occupation"),
    description="Accounts alike by country and declared occupation.",
)

# Whether this user was ever seen with this device, and since when: novelty is a pair's age.
user_device = Entity(name="user_device", keys=("user_id", "device_id"))
user_network = Entity(name="user_network", keys=("user_id", "asn"))
user_country = Entity(name="user_country", keys=("user_id", "ip_country"))
user_agent = Entity(name="user_agent", keys=("user_id", "user_agent"))
user_bank_account = Entity(name="user_bank_account", keys=("user_id", "bank_account_id"))
user_address = Entity(
    name="user_address",
    keys=("user_id", "address"),
    description="A user and a counterparty on the chain.",
)
user_address_ends = Entity(
    name="user_address_ends",
    keys=("user_id", "address_ends"),
    description="A user and all addresses that look alike at both ends.",
)
user_market = Entity(name="user_market", keys=("user_id", "market"))

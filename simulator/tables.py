"""The tables of the world: columns, keys and clocks, as plain data.

`obs` is what the exchange sees; features, spines and labels come from it alone. `truth` is what
nobody sees: it grades models, and no definition may read it. A catalog has two schemas, `obs` and
`truth` (`Table.catalog_name`); a target with flat names joins them (`Table.flat_name`):
`obs.logins` is `obs_logins`.

Every time is an instant in UTC, microseconds. Money in US dollars is `decimal(18,2)`, amounts of
a coin are `decimal(18,8)`, rates and prices are doubles. A row is never changed after it was
written: what happens later to a transfer, an order or a case is a row of another table, or a
later revision of the same event.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Schema = Literal["obs", "truth"]

STRING, LONG, DOUBLE, BOOLEAN = "string", "bigint", "double", "boolean"
TIMESTAMP, USD, COIN = "timestamp", "decimal(18,2)", "decimal(18,8)"
TYPES = (STRING, LONG, DOUBLE, BOOLEAN, TIMESTAMP, USD, COIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its Spark type, whether it may be null, and what it means."""

    name: str
    type: str
    nullable: bool
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the world.

    Attributes:
        name: within its schema.
        schema: `obs` or `truth`.
        doc: one sentence for people.
        columns: in order.
        key: the columns that identify an event. Deliveries are at least once, so rows that agree
            on them are copies of one event, or its revisions where there is a `version`.
        event_time: when it happened.
        available_at: when the exchange could have known; None in `truth`.
        version: orders the revisions of an event.
        retracted: true in a revision that takes the event back.
    """

    name: str
    schema: Schema
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str
    available_at: str | None
    version: str | None = None
    retracted: str | None = None

    @property
    def flat_name(self) -> str:
        """The table's name where names have one part: `obs_logins`."""
        return f"{self.schema}_{self.name}"

    @property
    def catalog_name(self) -> str:
        """The table's name below a catalog: `obs.logins`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as Spark's DDL: `event_id string, attempted_at timestamp`."""
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of `name type meaning`; a type that ends in `?` may be null."""
    rows = [line.split(maxsplit=2) for line in text.splitlines() if line.strip()]
    return tuple(
        Column(
            name=name,
            type=_SHORT.get(kind.removesuffix("?"), kind.removesuffix("?")),
            nullable=kind.endswith("?"),
            doc=doc,
        )
        for name, kind, doc in rows
    )


_SHORT = {"usd": USD, "coin": COIN, "time": TIMESTAMP, "long": LONG}


def _obs(name: str, doc: str, text: str, *, key: str, clocks: str, revised: bool = False) -> Table:
    event_time, available_at = clocks.split()
    return Table(
        name=name,
        schema="obs",
        doc=doc,
        columns=_columns(text),
        key=tuple(key.split()),
        event_time=event_time,
        available_at=available_at,
        version="version" if revised else None,
        retracted="retracted" if revised else None,
    )


def _truth(name: str, doc: str, text: str, *, key: str, clock: str) -> Table:
    return Table(
        name=name,
        schema="truth",
        doc=doc,
        columns=_columns(text),
        key=tuple(key.split()),
        event_time=clock,
        available_at=None,
    )


_REVISED = """
version long 1 for the first revision; the highest one known counts
retracted boolean true when the event is taken back by this revision
"""

_PEOPLE = (
    _obs(
        "users",
        "Accounts as they were at sign-up; nothing here changes later.",
        """
        user_id string the account
        signed_up_at time the account was opened
        ingested_at time the row arrived
        country string ISO country of residence
        age_band string 18-24, 25-34, 35-44, 45-59 or 60+
        email_domain_age_days long age of the e-mail's domain or mailbox
        phone_type string mobile, voip or landline
        referred_by string? the account that invited this one
        occupation string as declared
        declared_income_band string under_25k, 25k_50k, 50k_100k, 100k_250k or over_250k
        signup_device_id string? the device it was opened on
        signup_ip string the address it was opened from
        name_hash string hash of the legal name
        """,
        key="user_id",
        clocks="signed_up_at ingested_at",
    ),
    _obs(
        "kyc_events",
        "Submissions of identity documents and what the check said.",
        """
        kyc_id string the submission
        user_id string the account
        submitted_at time when
        ingested_at time the result arrived
        tier long the tier asked for, 1 to 3; a higher tier has higher limits
        doc_type string passport, licence or id_card
        doc_hash string hash of the document's number and portrait
        face_match double likeness of selfie and portrait, 0 to 1
        address_hash string hash of the postal address
        dob_hash string hash of the date of birth and surname
        result string passed, failed or review
        """,
        key="kyc_id",
        clocks="submitted_at ingested_at",
    ),
    _obs(
        "enforcements",
        "Accounts limited or off-boarded for cause; retracted when an appeal is upheld.",
        """
        enforcement_id string the enforcement
        user_id string the account
        action string limit or off_board
        reason string mule, synthetic, fraud_ring, account_takeover, trading_abuse or aml
        enforced_at time when
        known_at time when the review system said so
        """
        + _REVISED,
        key="enforcement_id",
        clocks="enforced_at known_at",
        revised=True,
    ),
)

_SESSIONS = (
    _obs(
        "logins",
        "Sign-in attempts, failed or not; delivered at least once.",
        """
        event_id string the attempt
        user_id string the account
        attempted_at time when
        ingested_at time the row arrived
        ip string the address
        ip_prefix string its first 24 bits
        ip_country string where the address is registered
        asn long the network it belongs to
        asn_kind string consumer, mobile, campus, hosting or vpn
        latitude double of the address, degrees
        longitude double of the address, degrees
        device_id string? the device's fingerprint
        platform string ios, android or web
        app_version string of the app or page
        user_agent string as sent
        rtt_ms double round-trip time
        outcome string success, failure or challenge_failed
        mfa string none, sms, totp or passkey
        session_id string? the session that a success opened
        """,
        key="event_id",
        clocks="attempted_at ingested_at",
    ),
    _obs(
        "sessions",
        "Sessions when they end: their pace is known only then.",
        """
        session_id string the session
        user_id string the account
        started_at time when it began
        ended_at time when it ended
        ingested_at time the row arrived
        clicks long actions in the page or app
        seconds double its length
        has_remote_access boolean a remote-control tool was seen
        """,
        key="session_id",
        clocks="ended_at ingested_at",
    ),
    _obs(
        "account_changes",
        "Changes of credentials and settings.",
        """
        change_id string the change
        user_id string the account
        changed_at time when
        ingested_at time the row arrived
        kind string password, two_factor, email, phone, api_key or limit_raise
        detail string? scope of an api_key: read, trade or withdraw
        session_id string? the session it was made in; null for the help desk
        """,
        key="change_id",
        clocks="changed_at ingested_at",
    ),
    _obs(
        "ip_listings",
        "Networks put on a list of attacking addresses.",
        """
        ip_prefix string first 24 bits
        listed_at time when the list's maker says
        ingested_at time the list arrived
        list_name string proxy or stuffing
        """,
        key="ip_prefix listed_at",
        clocks="listed_at ingested_at",
    ),
)

_FIAT = (
    _obs(
        "bank_accounts",
        "Bank accounts linked to and unlinked from accounts; one bank account may serve several.",
        """
        bank_event_id string the change
        bank_account_id string hash of routing and account number
        user_id string the account
        action string linked or unlinked
        changed_at time when
        ingested_at time the row arrived
        method string instant, micro_deposit or manual
        routing string the bank
        account_type string checking or savings
        owner_name_match double likeness of the owner's and the user's name, 0 to 1
        """,
        key="bank_event_id",
        clocks="changed_at ingested_at",
    ),
    _obs(
        "bank_balances",
        "Balances of linked bank accounts, when somebody looked.",
        """
        balance_id string the look
        bank_account_id string the bank account
        user_id string the account
        seen_at time when
        ingested_at time the row arrived
        balance_usd usd what was available
        """,
        key="balance_id",
        clocks="seen_at ingested_at",
    ),
    _obs(
        "fiat_transfers",
        "Requests to move dollars in or out; what became of them is in the tables below.",
        """
        transfer_id string the transfer
        user_id string the account
        bank_account_id string? the bank account; null for cards
        card_id string? fingerprint of the card; null unless rail is card
        card_bin string? first six digits of the card
        rail string ach_debit, ach_credit, wire, rtp or card
        direction string in or out; an ach_debit pulls money in
        amount_usd usd how much
        limit_usd usd what the account may move by this rail in a day
        memo string? what the sender wrote
        sender_name_match double? likeness of payer and user on wire and rtp, 0 to 1
        requested_at time when
        ingested_at time the row arrived
        session_id string? the session it was asked for in
        """,
        key="transfer_id",
        clocks="requested_at ingested_at",
    ),
    _obs(
        "fiat_settlements",
        "Transfers that settled at the bank, with no word on whether they come back.",
        """
        transfer_id string the transfer
        user_id string the account
        amount_usd usd how much
        settled_at time the end of the banking day
        ingested_at time the bank's file arrived
        """,
        key="transfer_id",
        clocks="settled_at ingested_at",
    ),
    _obs(
        "fiat_returns",
        "Payments sent back: ACH returns and card chargebacks; retracted when a dispute is won.",
        """
        return_id string the return
        transfer_id string the transfer that came back
        user_id string the account
        bank_account_id string? the bank account; null for cards
        rail string ach_debit or card
        return_code string R01 to R51, or 10.4 (fraud) and 13.1 (service) for cards
        return_class string bank, unauthorised, administrative or chargeback
        amount_usd usd how much
        originated_at time when the transfer was requested
        returned_at time when the bank sent it back
        known_at time the bank's file arrived
        """
        + _REVISED,
        key="return_id",
        clocks="returned_at known_at",
        revised=True,
    ),
)

_TRADING = (
    _obs(
        "markets",
        "What is traded: the coin, and how deep its market is.",
        """
        market string BTC-USD and so on
        asset string the coin
        tier string major, mid or thin
        listed_at time when trading began
        ingested_at time the row arrived
        """,
        key="market",
        clocks="listed_at ingested_at",
    ),
    _obs(
        "prices",
        "Quotes: each quarter of an hour, and each minute around a pump.",
        """
        market string the market
        priced_at time when
        ingested_at time the row arrived
        price double dollars for one coin
        volume_usd double turnover since the quote before
        """,
        key="market priced_at",
        clocks="priced_at ingested_at",
    ),
    _obs(
        "orders",
        "Orders when they are placed.",
        """
        order_id string the order
        user_id string the account
        market string the market
        side string buy or sell
        order_type string market or limit
        price double limit, or the quote at the time
        qty coin how many coins
        amount_usd usd price times qty, rounded
        is_api boolean placed by a program
        placed_at time when
        ingested_at time the row arrived
        session_id string? the session; null for programs
        """,
        key="order_id",
        clocks="placed_at ingested_at",
    ),
    _obs(
        "order_cancels",
        "Orders withdrawn before they were filled.",
        """
        order_id string the order
        user_id string the account
        market string the market
        side string of the order
        amount_usd usd what was still open
        placed_at time when it was placed
        cancelled_at time when it was withdrawn
        ingested_at time the row arrived
        """,
        key="order_id",
        clocks="cancelled_at ingested_at",
    ),
    _obs(
        "trades",
        "Executions, one row for both parties.",
        """
        trade_id string the trade
        market string the market
        price double dollars for one coin
        qty coin how many coins
        amount_usd usd what the buyer paid the seller
        maker_order_id string the order that stood in the book
        taker_order_id string the order that met it
        maker_user_id string whose order stood
        taker_user_id string whose order met it
        taker_side string buy or sell
        taker_fee_usd usd paid to the exchange by the taker
        maker_rebate_usd usd paid to the maker by the exchange
        executed_at time when
        ingested_at time the row arrived
        """,
        key="trade_id",
        clocks="executed_at ingested_at",
    ),
)

_CHAIN = (
    _obs(
        "crypto_deposits",
        "Coins that arrived for an account.",
        """
        deposit_id string the deposit
        user_id string the account
        asset string the coin
        amount coin how many
        amount_usd usd at the quote of the time
        from_address string who sent them
        to_address string the account's address for deposits
        tx_hash string the transfer on the chain
        credited_at time when
        ingested_at time the row arrived
        """,
        key="deposit_id",
        clocks="credited_at ingested_at",
    ),
    _obs(
        "crypto_withdrawals",
        "Requests to send coins out; whether they were sent is in broadcasts.",
        """
        withdrawal_id string the withdrawal
        user_id string the account
        asset string the coin
        amount coin how many
        amount_usd usd at the quote of the time
        limit_usd usd what the account may send in a day
        address string where to
        memo string? what the user wrote
        requested_at time when
        ingested_at time the row arrived
        session_id string? the session it was asked for in
        """,
        key="withdrawal_id",
        clocks="requested_at ingested_at",
    ),
    _obs(
        "broadcasts",
        "Withdrawals that were sent to the chain.",
        """
        withdrawal_id string the withdrawal
        user_id string the account
        tx_hash string the transfer on the chain
        broadcast_at time when
        ingested_at time the row arrived
        """,
        key="withdrawal_id",
        clocks="broadcast_at ingested_at",
    ),
    _obs(
        "withdraw_addresses",
        "Addresses written into an account's address book.",
        """
        entry_id string the entry
        user_id string the account
        address string the address
        added_at time when
        ingested_at time the row arrived
        session_id string? the session it was added in
        """,
        key="entry_id",
        clocks="added_at ingested_at",
    ),
    _obs(
        "chain_transfers",
        "Transfers on a small chain of its own, those of the exchange among them.",
        """
        tx_hash string the transfer
        asset string the coin
        from_address string who sent
        to_address string who received
        amount coin how many
        amount_usd usd at the quote of the time
        confirmed_at time when the chain says
        ingested_at time the node saw it
        """,
        key="tx_hash",
        clocks="confirmed_at ingested_at",
    ),
    _obs(
        "address_labels",
        "What somebody says an address is; allegations, some of them taken back later.",
        """
        label_id string the allegation
        address string the address
        category string sanctioned, mixer, ransomware, scam, phishing, gambling, exchange or dex
        source string who says so
        confidence double 0 to 1
        labelled_at time since when it is so, by their account
        known_at time when it was published
        """
        + _REVISED,
        key="label_id",
        clocks="labelled_at known_at",
        revised=True,
    ),
)

_REVIEW = (
    _obs(
        "tickets",
        "Messages to the help desk.",
        """
        ticket_id string the ticket
        user_id string the account
        opened_at time when
        ingested_at time the row arrived
        channel string chat, email or phone
        text string what was written
        """,
        key="ticket_id",
        clocks="opened_at ingested_at",
    ),
    _obs(
        "warnings",
        "Scam warnings shown before a withdrawal, and what the user did.",
        """
        warning_id string the warning
        user_id string the account
        event_id string the withdrawal it was about
        outcome string dismissed or abandoned
        shown_at time when
        ingested_at time the row arrived
        """,
        key="warning_id",
        clocks="shown_at ingested_at",
    ),
    _obs(
        "alerts",
        "Alerts that rules raised about an account.",
        """
        alert_id string the alert
        user_id string the account
        rule string which rule
        score double its strength, 0 to 1
        event_id string? the event it was about
        raised_at time when
        ingested_at time the row arrived
        """,
        key="alert_id",
        clocks="raised_at ingested_at",
    ),
    _obs(
        "cases",
        "Cases when they are opened.",
        """
        case_id string the case
        user_id string the account
        alert_id string? the alert that led to it
        queue string aml, trading, scam, takeover or account_quality
        market string? of a trading case
        subject_at time when what it is about happened
        opened_at time when
        ingested_at time the row arrived
        """,
        key="case_id",
        clocks="opened_at ingested_at",
    ),
    _obs(
        "case_outcomes",
        "How cases ended; a revision when a case was opened again.",
        """
        case_id string the case
        user_id string the account
        queue string of the case
        market string? of a trading case
        outcome string confirmed or dismissed
        analyst string who closed it
        subject_at time when what it is about happened
        closed_at time when
        known_at time the case system said so
        """
        + _REVISED,
        key="case_id",
        clocks="closed_at known_at",
        revised=True,
    ),
    _obs(
        "sars",
        "Suspicious activity reports that were filed.",
        """
        case_id string the case
        user_id string the account
        subject_at time when what it is about happened
        filed_at time when
        known_at time the filing was acknowledged
        """,
        key="case_id",
        clocks="filed_at known_at",
    ),
    _obs(
        "decisions",
        "What the policy did with an event: a blocked or held event has no outcome to learn from.",
        """
        decision_id string the decision
        event_id string the transfer or withdrawal
        event_table string fiat_transfers or crypto_withdrawals
        user_id string the account
        policy_version string which policy
        would_action string what the policy asked for
        action string instant, allow, hold, step_up or block: what was done
        propensity double the chance that this action was taken, given what the policy asked for
        is_exploration boolean let through by chance against the policy
        was_stopped boolean the event did not go ahead: blocked, or its step-up was not passed
        decided_at time when
        ingested_at time the row arrived
        """,
        key="decision_id",
        clocks="decided_at ingested_at",
    ),
    _obs(
        "reports",
        "Events that a user or the police say were fraud; retracted when the report was false.",
        """
        report_id string the report of one event
        incident_id string reports of one incident share it
        user_id string the account
        kind string ato or scam
        event_id string the login, withdrawal or transfer
        event_table string logins, crypto_withdrawals or fiat_transfers
        loss_usd usd of this event, as claimed
        happened_at time when the event happened
        reported_at time when it was reported
        known_at time when triage accepted it
        """
        + _REVISED,
        key="report_id",
        clocks="reported_at known_at",
        revised=True,
    ),
)

_TRUTH = (
    _truth(
        "actors",
        "Who an account really is.",
        """
        user_id string the account
        actor_type string honest, mule, synthetic, launderer, wash_trader, spoofer, thief and so on
        cohort string the honest group it belongs to or looks like: traveller, family, student ...
        ring_id string? accounts that act together
        evasion long how much the actor adapts to limits and rules, 0 to 3
        is_bad boolean the actor means harm; victims do not
        since_at time since when
        """,
        key="user_id",
        clock="since_at",
    ),
    _truth(
        "events",
        "Events that are not what they seem, with what would happen if they were allowed.",
        """
        event_id string the event
        event_table string its table in obs
        user_id string the account
        typology string which of the typologies
        variant string? which kind of it
        incident_id string? events of one incident share it
        ring_id string? accounts that act together
        campaign_id string? incidents of one campaign share it
        is_fraud boolean false for honest events that come back, and for honest look-alikes
        loss_if_allowed_usd usd what is lost if the event is let through
        would_return_code string? the return code if it is let through
        would_return_at time? when the return would be known
        is_reported boolean whether anybody would ever say so
        occurred_at time when
        """,
        key="event_id typology",
        clock="occurred_at",
    ),
    _truth(
        "addresses",
        "What an address of the chain really is, once for each community that met it.",
        """
        address string the address
        community long the community; -1 for the clusters that everybody meets
        category string as in address_labels, or wallet
        is_illicit boolean whether its money is
        active_at time since when it is seen
        """,
        key="address community",
        clock="active_at",
    ),
    _truth(
        "drift",
        "Changes of the world and faults of the data, when they were switched on.",
        """
        drift_id string the switch
        kind string drift or fault
        what string its name and settings
        switched_at time when
        """,
        key="drift_id",
        clock="switched_at",
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.flat_name: table
        for table in (
            *_PEOPLE,
            *_SESSIONS,
            *_FIAT,
            *_TRADING,
            *_CHAIN,
            *_REVIEW,
            *_TRUTH,
        )
    }
)
"""Every table by its flat name, in the order of a person's life."""

OBSERVED = tuple(name for name, table in TABLES.items() if table.schema == "obs")
HIDDEN = tuple(name for name, table in TABLES.items() if table.schema == "truth")

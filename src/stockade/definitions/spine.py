"""Decision moments, and what is to be learnt about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from stockade.definitions.names import DOC, check_column, check_name, frozen, tuple_of
from stockade.definitions.source import EventSource, Origin, Table
from stockade.definitions.view import FeatureService
from stockade.definitions.window import check_delay
from stockade.errors import DefinitionError

Mode = Literal["exact", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spine:
    """Decision moments, one row each: what was decided on, and when.

    Attributes:
        name: the spine's name.
        origin: a `Table`, `Files` or `Query`; a bare string is a table's name.
        decided_at: the time column (timestamp, UTC).
        id: the columns that identify a decision; one name or several.
        keys: entity key -> the spine's column, where the names differ.
        description: one sentence for people.
    """

    name: str
    origin: Origin | str
    decided_at: str
    id: tuple[str, ...] | str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the names."""
        check_name(self.name, what="spine")
        if isinstance(self.origin, str):
            object.__setattr__(self, "origin", Table(name=self.origin))
        object.__setattr__(self, "id", tuple_of(self.id))
        object.__setattr__(self, "keys", frozen(self.keys))
        if not self.id:
            raise DefinitionError(f"spine '{self.name}' has no id: name the columns of a decision")
        for column in (self.decided_at, *self.id, *self.keys.values()):
            check_column(column, who=f"spine '{self.name}'")


# What a label can be as of a build date.
POSITIVE, NEGATIVE, PENDING = "positive", "negative", "pending"
CENSORED, REVERSED = "censored", "reversed"
STATES = (POSITIVE, NEGATIVE, PENDING, CENSORED, REVERSED)
# Those whose outcome is not known: they have no value.
UNKNOWN = (PENDING, CENSORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What became of a decision, as a process in time.

    As of a build date, a decision is

    - positive if a matching event is known that happened within `horizon` of it;
    - censored if there is none, and we blocked it: what would have happened cannot be known;
    - pending until horizon and reporting delay have passed;
    - reversed if an event was reported and taken back (a dispute that was won, a correction that
      moved it away): no longer positive, and negative in value;
    - negative otherwise.

    Pending and censored rows are never used as negatives.

    Attributes:
        name: the label's column.
        source: the events that make a decision positive, with their clocks.
        keys: the spine's column -> the source's column; all must agree.
        horizon: how long after the decision the event may happen; inclusive at both ends, so that
            zero means "of the decision's own instant".
        reporting_delay: how long after it happened an event may take to be known.
        blocks: our own interventions, with the same key columns as `source`; one within `horizon`
            of the decision censors it.
        description: one sentence for people.
    """

    name: str
    source: EventSource
    keys: Mapping[str, str]
    horizon: timedelta
    reporting_delay: timedelta
    blocks: EventSource | None = None
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the names and lengths."""
        check_name(self.name, what="label")
        who = f"label '{self.name}'"
        object.__setattr__(self, "keys", frozen(self.keys))
        if not self.keys:
            raise DefinitionError(f"{who} has no keys: say which columns must agree")
        for pair in self.keys.items():
            for column in pair:
                check_column(column, who=who)
        check_delay(self.horizon, who=who, what="horizon")
        check_delay(self.reporting_delay, who=who, what="reporting_delay")

    @property
    def state(self) -> str:
        """The column that holds the label's state."""
        return f"{self.name}__state"

    @property
    def known_at(self) -> str:
        """The column that holds when the label's value was known; null while it has none."""
        return f"{self.name}__known_at"

    @property
    def maturity(self) -> timedelta:
        """How long after its decision a label may be trusted to be negative."""
        return self.horizon + self.reporting_delay


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """What is learnt from: a spine, its features, its label.

    Attributes:
        name: the set's name, and its table's.
        spine: the decisions.
        features: what was known of each.
        label: what became of each.
        mode: `exact` takes features from events at the decision; `snapshot` takes those that the
            last materialised snapshot before the decision held.
        description: one sentence for people.
    """

    name: str
    spine: Spine
    features: FeatureService
    label: Label
    mode: Mode = "exact"
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the name and the mode."""
        check_name(self.name, what="training set")
        if self.mode not in ("exact", "snapshot"):
            raise DefinitionError(
                f"training set '{self.name}': mode '{self.mode}' must be 'exact' or 'snapshot'"
            )

"""What to predict, how to search for it, and by what it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from stockade.definitions.gates import Gates
from stockade.definitions.names import DOC, check_name, frozen
from stockade.definitions.policy import Policy
from stockade.definitions.spine import TrainingSet
from stockade.errors import DefinitionError, hint

# Which trees a search is over: its parameter `learner`.
Learner = Literal["xgboost", "lightgbm", "isolation"]
LEARNERS: tuple[Learner, ...] = ("xgboost", "lightgbm", "isolation")
Algorithm = Literal["logistic", "xgboost", "lightgbm", "isolation", "blend"]
Recent = Literal["drop", "complete", "importance"]
RECENT: tuple[Recent, ...] = ("drop", "complete", "importance")
Metric = Literal["average_precision", "roc_auc", "precision_at_capacity", "recall_at_capacity"]
METRICS: tuple[Metric, ...] = (
    "average_precision",
    "roc_auc",
    "precision_at_capacity",
    "recall_at_capacity",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Any number between `low` and `high`; `log` spreads evenly over orders of magnitude."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        """Check the bounds."""
        if not self.low < self.high:
            raise DefinitionError(f"search range: {self.low} must be below {self.high}")
        if self.log and self.low <= 0:
            raise DefinitionError(f"search range: a log range must begin above 0, not {self.low}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of `options`."""

    options: tuple[str | int | float, ...]

    def __post_init__(self) -> None:
        """Check that there is a choice."""
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options:
            raise DefinitionError("a choice must have at least one option")


Range = Uniform | Choice

# The column with what a model's rules say of each decision.
RULES_SCORE = "rules__score"

# A space that does well on tabular fraud data; a definition may narrow it or replace it.
DEFAULT_SEARCH: Mapping[str, Range] = frozen(
    {
        "max_depth": Uniform(low=3, high=9, whole=True),
        "learning_rate": Uniform(low=0.02, high=0.3, log=True),
        "n_estimators": Uniform(low=80, high=600, whole=True),
        "min_child_weight": Uniform(low=0.5, high=20, log=True),
        "subsample": Uniform(low=0.5, high=1.0),
        "colsample_bytree": Uniform(low=0.4, high=1.0),
        "reg_lambda": Uniform(low=0.1, high=30, log=True),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model to be searched for, and the yardstick it is judged by.

    Attributes:
        name: the model's name, also in the model registry.
        training_set: what it learns from.
        search: hyperparameter -> range, searched with TPE. `learner` says which trees: "xgboost",
            "lightgbm" or a `Choice` of both, which then must know all the others; or "isolation",
            which learns nothing from the label and is only judged by it.
        fixed: hyperparameter -> value, the same in every trial.
        monotone: input -> 1 where more of it may only raise the score, -1 where only lower it.
            Holds for the trees.
        texts: input of text -> how many columns its three-letter pieces are hashed into (16 to
            4,096; more tell more apart and take longer). Other inputs of text are categories.
        metric: what the search maximises: its mean over the validation periods.
        negatives: share of the negative rows that fits see, by lot, each weighted by the inverse,
            so that probabilities stay what they are. Judging is on all rows.
        recent: what fits make of decisions too young for their label: `drop` them, or count each
            report for those still to come (`complete`: by the share that is known at that age;
            `importance`: by each decision's own chance). All three are compared when a model is
            judged.
        propensity: spine column with the chance with which a decision was let through although it
            might have been blocked, as it was logged; a row counts as 1 / propensity in fitting
            and judging. Without it, nothing is known of decisions like the blocked ones.
        review_capacity: how many `review_entity` a day people can look at.
        review_entity: the spine column that is reviewed; without it, each decision is.
        policy: what is done about a decision, by what each course costs; without one, scoring
            gives probabilities only.
        rules: what an operator would write without a model: SQL over the training set's columns
            that gives a score or a flag, higher more suspicious, null as 0. Judged on the same
            test period, it is what the model must beat.
        gates: what a new version must show to become champion.
        slices: columns of the training set by whose values (of numbers, quarters) the model is
            judged as well.
        validation: length of one validation period.
        folds: how many validation periods the search looks at, each after the one before.
        test: length of the period at the end of the training set that the search never sees.
        trials: how many points are tried.
        seed: makes the search's proposals repeatable.
        owner, description: for people.

    The gap before each period is the label's maturity: it is derived, not typed.
    """

    name: str
    training_set: TrainingSet
    search: Mapping[str, Range] = field(default_factory=lambda: dict(DEFAULT_SEARCH))
    fixed: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
    monotone: Mapping[str, int] = field(default_factory=dict[str, int])
    texts: Mapping[str, int] = field(default_factory=dict[str, int])
    metric: Metric = "average_precision"
    negatives: float = 1.0
    recent: Recent = "drop"
    propensity: str | None = None
    review_capacity: int = 100
    review_entity: str | None = None
    policy: Policy | None = None
    rules: str | None = None
    gates: Gates = field(default_factory=Gates)
    slices: tuple[str, ...] = ()
    validation: timedelta = timedelta(days=7)
    folds: int = 2
    test: timedelta = timedelta(days=7)
    trials: int = 20
    seed: int = 0
    owner: str = field(default="", metadata=DOC)
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check names and sizes."""
        check_name(self.name, what="model")
        who = f"model '{self.name}'"
        object.__setattr__(self, "search", frozen(self.search))
        object.__setattr__(self, "fixed", frozen(self.fixed))
        object.__setattr__(self, "monotone", frozen(self.monotone))
        wrong = sorted(name for name, way in self.monotone.items() if way not in (1, -1))
        if wrong:
            raise DefinitionError(f"{who}: monotone is 1 or -1, not so for {wrong}")
        object.__setattr__(self, "texts", frozen(self.texts))
        wrong = sorted(name for name, size in self.texts.items() if not 16 <= size <= 4096)
        if wrong:
            raise DefinitionError(f"{who}: texts are hashed into 16 to 4,096 columns, not {wrong}")
        object.__setattr__(self, "slices", tuple(self.slices))
        both = sorted(set(self.search) & set(self.fixed))
        if both:
            raise DefinitionError(f"{who} both searches and fixes {both}: choose one")
        if self.rules is not None and not self.rules.strip():
            raise DefinitionError(f"{who}: rules are empty; leave them out where there are none")
        if self.metric not in METRICS:
            raise DefinitionError(
                f"{who}: metric '{self.metric}' is not one: {hint(self.metric, METRICS)}"
            )
        if self.recent not in RECENT:
            raise DefinitionError(f"{who}: recent '{self.recent}' is not one of {list(RECENT)}")
        if min(self.review_capacity, self.trials, self.folds) < 1:
            raise DefinitionError(f"{who}: review_capacity, trials and folds must be at least 1")
        if not 0 < self.negatives <= 1:
            raise DefinitionError(f"{who}: negatives is a share, above 0 and at most 1")
        if min(self.validation, self.test) <= timedelta(0):
            raise DefinitionError(f"{who}: validation and test must be longer than zero")

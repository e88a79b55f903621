"""What is decided on, what is learnt about it, and what is done with a payment: checked whole."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from stockade import (
    Choice,
    Course,
    Entity,
    EventSource,
    FeatureService,
    FeatureView,
    Label,
    Level,
    ModelSpec,
    ReleaseStrategy,
    Spine,
    Table,
    TrainingSet,
    Uniform,
    count,
    days,
    hours,
)
from stockade.definitions.model import DEFAULT_SEARCH
from stockade.errors import DefinitionError

logins = EventSource(name="logins", origin="logins", event_time="attempted_at")
view = FeatureView(
    name="v", entity=Entity(name="account", keys="account_id"), source=logins,
    aggregates={"logins": count(windows=(days(1),))},
)  # fmt: skip
spine = Spine(name="withdrawals", origin="withdrawals", decided_at="at", id="withdrawal_id")
stolen = Label(
    name="stolen", source=logins, keys={"account_id": "account_id"},
    horizon=days(30), reporting_delay=hours(6),
)  # fmt: skip
training = TrainingSet(
    name="t", spine=spine, features=FeatureService(name="s", features=(view,)), label=stolen
)
model = ModelSpec(name="m", training_set=training)
at_once, later = Course(name="at_once"), Course(name="later", hold=days(3))
strategy = ReleaseStrategy(name="r", models=(model,), amount="amount", courses=(at_once, later))


def test_a_spine_reads_a_table_and_has_an_id_of_one_column_or_more() -> None:
    assert (spine.origin, spine.id) == (Table(name="withdrawals"), ("withdrawal_id",))
    assert replace(spine, id=("bank", "payment")).id == ("bank", "payment")


def test_a_label_names_its_columns_and_may_be_trusted_after_horizon_and_delay() -> None:
    assert (stolen.state, stolen.known_at) == ("stolen__state", "stolen__known_at")
    assert stolen.maturity == days(30) + hours(6)
    at_once_known = replace(stolen, horizon=timedelta(0), reporting_delay=timedelta(0))
    assert at_once_known.maturity == timedelta(0)


def test_a_model_says_only_what_differs_from_the_defaults() -> None:
    assert dict(model.search) == dict(DEFAULT_SEARCH)
    assert dict(model.fixed) == dict(model.monotone) == dict(model.texts) == {}
    least = replace(
        model, review_capacity=1, trials=1, folds=1, negatives=0.001, monotone={"a": 1, "b": -1},
        texts={"note": 16, "name": 4096}, slices=["country"], validation=timedelta(microseconds=1),
    )  # fmt: skip
    assert least.slices == ("country",)
    assert replace(training, mode="snapshot").mode == "snapshot"


def test_a_callers_later_change_of_a_models_parameters_is_not_seen() -> None:
    given: dict[str, dict[str, object]] = {
        "search": {"depth": Choice(options=(1, 2))}, "fixed": {"seed": 1}, "monotone": {"a": 1},
        "texts": {"note": 16},
    }  # fmt: skip
    made = replace(model, **given)
    wanted = {name: dict(one) for name, one in given.items()}
    for one in given.values():
        one.clear()

    assert {name: dict(getattr(made, name)) for name in wanted} == wanted


def test_a_search_may_begin_anywhere_but_on_a_log_scale_above_zero() -> None:
    assert Uniform(low=-1, high=0).low == -1
    assert Uniform(low=0.001, high=1, log=True).log
    assert Choice(options=["a"]).options == ("a",)


def test_a_strategy_takes_its_parts_as_tuples() -> None:
    made = replace(strategy, models=[model], courses=[at_once, later], levels=[], bands=[0.5])

    assert (made.models, made.courses, made.levels, made.bands) == (
        (model,),
        (at_once, later),
        (),
        (0.5,),
    )


def test_a_strategy_may_be_held_against_any_share_over_any_period() -> None:
    levels = tuple(
        Level(name=f"l{n}", label=stolen, rate=rate) for n, rate in enumerate((0.005, 0.99))
    )

    made = replace(strategy, levels=levels, cohort=hours(1))

    assert [level.rate for level in made.levels] == [0.005, 0.99]


@pytest.mark.parametrize(
    "course",
    [
        at_once,
        Course(name="some", hold=days(1), limit=0.01),
        Course(name="no", refuses=True, friction=2),
    ],
)
def test_a_course_holds_a_payment_back_in_whole_or_in_part_or_refuses_it(course: Course) -> None:
    assert replace(strategy, courses=(at_once, replace(course, name="x"))).courses[1].name == "x"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(spine, name="A b"), "spine name 'A b' must be lower case"),
        (
            lambda: replace(spine, id=()),
            "spine 'withdrawals' has no id: name the columns of a deci",
        ),
        *(
            (lambda wrong=wrong: replace(spine, **wrong), "spine 'withdrawals': column name 'a b'")
            for wrong in ({"decided_at": "a b"}, {"id": "a b"}, {"keys": {"account_id": "a b"}})
        ),
        (lambda: replace(stolen, name="A b"), "label name 'A b' must be lower case"),
        (
            lambda: replace(stolen, keys={}),
            "label 'stolen' has no keys: say which columns must agree$",
        ),
        (lambda: replace(stolen, keys={"a b": "a"}), "label 'stolen': column name 'a b' must be"),
        (lambda: replace(stolen, keys={"a": "a b"}), "label 'stolen': column name 'a b' must be"),
        (
            lambda: replace(stolen, horizon=-days(1)),
            "label 'stolen': horizon '-1 day, 0:00:00' must",
        ),
        (
            lambda: replace(stolen, reporting_delay=-days(1)),
            "label 'stolen': reporting_delay '-1 day, 0:00:00' must not be negative$",
        ),
        (lambda: replace(training, name="A b"), "training set name 'A b' must be lower case"),
        (
            lambda: replace(training, mode="x"),
            "training set 't': mode 'x' must be 'exact' or 'snapshot'$",
        ),
        (lambda: Uniform(low=1, high=1), "search range: 1 must be below 1$"),
        (
            lambda: Uniform(low=0, high=1, log=True),
            "search range: a log range must begin above 0, not 0$",
        ),
        (lambda: Choice(options=()), "a choice must have at least one option$"),
        (lambda: replace(model, name="A b"), "model name 'A b' must be lower case"),
        (
            lambda: replace(model, monotone={"b": 0, "a": 2, "c": 1}),
            r"model 'm': monotone is 1 or -1, not so for \['a', 'b'\]$",
        ),
        *(
            (
                lambda size=size: replace(model, texts={"note": size, "name": 64}),
                r"model 'm': texts are hashed into 16 to 4,096 columns, not \['note'\]$",
            )
            for size in (15, 4097)
        ),
        (
            lambda: replace(model, fixed={"subsample": 1}),
            r"model 'm' both searches and fixes \['subsample'\]: choose one$",
        ),
        (
            lambda: replace(model, rules=" "),
            "model 'm': rules are empty; leave them out where there are none$",
        ),
        (
            lambda: replace(model, metric="auc"),
            r"model 'm': metric 'auc' is not one: did you mean 'roc_auc'\?$",
        ),
        (
            lambda: replace(model, metric="x"),
            "model 'm': metric 'x' is not one: known: 'average_precision', "
            "'precision_at_capacity', 'recall_at_capacity', 'roc_auc'$",
        ),
        (
            lambda: replace(model, recent="x"),
            r"model 'm': recent 'x' is not one of \['drop', 'complete', 'importance'\]$",
        ),
        *(
            (
                lambda name=name: replace(model, **{name: 0}),
                "model 'm': review_capacity, trials and folds must be at least 1$",
            )
            for name in ("review_capacity", "trials", "folds")
        ),
        *(
            (
                lambda share=share: replace(model, negatives=share),
                "model 'm': negatives is a share, above 0 and at most 1$",
            )
            for share in (0, 1.01)
        ),
        *(
            (
                lambda name=name: replace(model, **{name: timedelta(0)}),
                "model 'm': validation and test must be longer than zero$",
            )
            for name in ("validation", "test")
        ),
        (lambda: Course(name="A b"), "course name 'A b' must be lower case"),
        (lambda: Course(name="c", hold=-days(1)), "course 'c': hold '-1 day, 0:00:00' must not be"),
        *(
            (
                lambda cost=cost: Course(name="c", friction=cost),
                "course 'c': friction cannot be negative or infinite$",
            )
            for cost in (-0.01, float("inf"))
        ),
        *(
            (
                lambda hold=hold, limit=limit: Course(name="c", hold=hold, limit=limit),
                "course 'c': a limit is above zero, and the rest needs a hold$",
            )
            for hold, limit in ((days(1), 0), (timedelta(0), 10))
        ),
        (
            lambda: Course(name="c", refuses=True, hold=days(1)),
            "course 'c' refuses, so there is nothing to hold or to limit$",
        ),
        (lambda: Level(name="A b", label=stolen, rate=0.1), "level name 'A b' must be lower case"),
        *(
            (
                lambda rate=rate: Level(name="l", label=stolen, rate=rate),
                "level 'l': the rate is a share, between 0 and 1$",
            )
            for rate in (0, 1)
        ),
        (lambda: replace(strategy, name="A b"), "strategy name 'A b' must be lower case"),
        (lambda: replace(strategy, amount="a b"), "strategy 'r': column name 'a b' must be"),
        (lambda: replace(strategy, models=()), "strategy 'r' has no models$"),
        (
            lambda: replace(strategy, models=(model, _elsewhere())),
            "strategy 'r' has models of different spines: they must judge the same payments$",
        ),
        (lambda: replace(strategy, courses=(at_once,)), "strategy 'r' needs two courses at least$"),
        (
            lambda: replace(strategy, courses=(at_once, later, later)),
            r"strategy 'r' names a course twice: \['at_once', 'later', 'later'\]$",
        ),
        *(
            (
                lambda first=first: replace(strategy, courses=(first, at_once)),
                "strategy 'r' begins with a course that holds something back: the first is to let",
            )
            for first in (later, Course(name="no", refuses=True), Course(name="c", friction=1))
        ),
        *(
            (
                lambda bands=bands: replace(strategy, bands=bands),
                "strategy 'r' has bands that do not ascend between 0 and 1$",
            )
            for bands in ((0.9, 0.5), (0.5, 0.5), (0, 0.5), (0.5, 1))
        ),
        (
            lambda: replace(strategy, cohort=timedelta(0)),
            "strategy 'r' has a cohort without length$",
        ),
    ],
)
def test_what_does_not_hold_together_is_refused_by_its_name(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(DefinitionError, match=f"^{said}"):
        make()


def _elsewhere() -> ModelSpec:
    other = replace(training, spine=replace(spine, name="deposits"))
    return replace(model, name="other", training_set=other)


def test_all_faults_of_a_strategy_come_together() -> None:
    with pytest.raises(ExceptionGroup, match=r"^strategy 'r' does not fit together") as raised:
        replace(strategy, models=(), courses=())

    assert [str(fault) for fault in raised.value.exceptions] == [
        "strategy 'r' has no models",
        "strategy 'r' needs two courses at least",
    ]

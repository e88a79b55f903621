"""The one operator: events and decision moments in, one row of features per decision out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from stockade.engine.bind import History, Track, bind
from stockade.engine.driver import Asked, at_once, heads
from stockade.engine.layout import (
    BUCKET_ROWS,
    COMPONENT_ROWS,
    FEW_ROWS,
    HOT_ROWS,
    Layout,
    SpineProfile,
    count_events,
    in_reach,
    plan_layout,
    profile_spine,
)
from stockade.engine.pack import BUCKET, PACKED_DDL, packer
from stockade.engine.patterns import attach_pattern, patterns_of
from stockade.engine.revisions import EVENT, with_all_revisions
from stockade.engine.shuffle import (
    MOMENT,
    Carried,
    bucket_of,
    clock_columns,
    computed,
    held_keys,
    of_spine,
    packed_spine,
)
from stockade.engine.slices import Spread
from stockade.engine.tracks import Shape, countable, fields_of, track_kernel, travelling

# pyarrow's stubs know neither masked index arrays nor dictionary arrays behind `Array`.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportReturnType=false


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How the engine cuts its work; the defaults suit workers with a gigabyte or more a core.

    Attributes:
        bucket_rows: rows of events and spine that one task should hold.
        hot_rows: events of one key above which the key is cut into slices of time, of so many
            events each or more: a slice is never less than twice what it must bring along.
        component_rows: links or transfers that hang together above which a view is refused.
        few_rows: decisions up to which a source is read once more for the events that their keys
            touch, so that the revisions of those alone are sorted out, and not of all.
        driver_values: decisions times columns up to which everything is computed on the driver,
            which must then hold all events in reach, too: nothing is shuffled, which for a million
            events takes longer than to compute their features. 0 for never.
    """

    bucket_rows: int = BUCKET_ROWS
    hot_rows: int = HOT_ROWS
    component_rows: int = COMPONENT_ROWS
    few_rows: int = FEW_ROWS
    driver_values: int = 0


@dataclass(frozen=True, slots=True)
class Attached:
    """A spine with its features, and what the one look at the spine told.

    Attributes:
        rows: the spine's columns, then the features; each spine row once, in no set order. With
            `audit`, also `<view>__event_at` and `<view>__available_at`: the latest event time and
            the latest moment of availability among the events that the view's features could use.
        profile: row and null counts of the spine.
    """

    rows: DataFrame
    profile: SpineProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One spine, and the histories that it shall have features of.

    Attributes:
        spine, histories, decided_at, keys, every_key: as `attach` takes them.
    """

    spine: DataFrame
    histories: Sequence[History]
    decided_at: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    every_key: bool = False


def attach(
    spine: DataFrame,
    histories: Sequence[History],
    *,
    decided_at: str,
    keys: Mapping[str, str] | None = None,
    every_key: bool = False,
    audit: bool = False,
    options: EngineOptions | None = None,
) -> Attached:
    """Attach to each decision the features of its history, as known at that moment.

    Args:
        spine: n rows of (keys, `decided_at`, ...), duplicates allowed.
        histories: views with their events.
        decided_at: timestamp column of the spine.
        keys: entity key -> spine column, where the names differ.
        every_key: the spine has all keys that the events within reach have: there is no use in
            reading it once more, to leave out events of others.
        audit: also attach the latest clocks used, per view.
        options: how to cut the work.

    Returns:
        n rows, each spine row exactly once. Where a key or the time is null, features are null.

    Raises:
        SchemaError, DefinitionError: what does not fit, all faults together, before any work.

    Views of one entity share one shuffle, for which the spine and the events are counted first.
    """
    request = Request(
        spine=spine, histories=histories, decided_at=decided_at, keys=keys or {},
        every_key=every_key,
    )  # fmt: skip
    (attached,) = attach_all([request], audit=audit, options=options)
    return attached


def attach_all(
    requests: Sequence[Request], *, audit: bool = False, options: EngineOptions | None = None
) -> Iterator[Attached]:
    """As `attach`, for several spines; on the driver, a table that several need is read once.

    Returns:
        What each request gets, in their order. The features of one are computed when it is asked
        for, so that they need not all be in memory.
    """
    settings = options or EngineOptions()
    asked = [_bound(request, audit=audit) for request in requests]
    wanted = [_wanted(*pair) for pair in zip(requests, asked, strict=True)]
    limits = [settings.driver_values // len(names) for names in wanted]
    spines = [request.spine for request in requests]
    few = heads(spines, limits) if settings.driver_values else [None] * len(requests)
    pairs = zip(asked, few, strict=True)
    here = at_once([(one, rows) for one, rows in pairs if rows is not None])
    for request, one, names, rows in zip(requests, asked, wanted, few, strict=True):
        featured, profile = _shuffled(request, one, settings) if rows is None else next(here)
        yield Attached(featured.select(*names), profile)


def _bound(request: Request, *, audit: bool) -> Asked:
    spine, at = request.spine, request.decided_at
    return Asked(
        spine=spine,
        decided_at=at,
        tracks=bind(spine, request.histories, decided_at=at, keys=request.keys),
        patterns=patterns_of(request.histories, request.keys),
        audit=audit,
    )


def _wanted(request: Request, asked: Asked) -> list[str]:
    """The columns of the result, in their order."""
    names = [name for history in request.histories for name in history.selection.names]
    views = [view for track in asked.tracks for view in track.views]
    views += [pattern.view.name for pattern in asked.patterns]
    clocks_used = [name for view in views for name in clock_columns(view) if asked.audit]
    return [*asked.spine.columns, *names, *clocks_used]


def _shuffled(
    request: Request, asked: Asked, settings: EngineOptions
) -> tuple[DataFrame, SpineProfile]:
    """All features by tasks: one shuffle for each entity, and one for each pattern."""
    spine, decided_at, audit = asked.spine, asked.decided_at, asked.audit
    tracks, patterns, every_key = asked.tracks, asked.patterns, request.every_key
    profile = profile_spine(spine, asked.keyed, decided_at=decided_at)
    groups = () if every_key else (one.spine_keys for one in asked.keyed)
    held = held_keys(spine, groups, rows=profile.rows)
    counted = list(zip(tracks, count_events(tracks, profile), strict=True))
    rows = Carried.of(spine)
    for pattern in patterns:
        rows = attach_pattern(
            rows, pattern, profile, held.get(pattern.spine_keys), decided_at=decided_at,
            audit=audit, bucket_rows=settings.bucket_rows, component_rows=settings.component_rows,
        )  # fmt: skip
    for spine_keys in dict.fromkeys(track.spine_keys for track in tracks):
        chosen = [(track, n) for track, n in counted if track.spine_keys == spine_keys]
        group = [track for track, _ in chosen]
        few = profile.rows <= settings.few_rows and not every_key
        pruned = [_pruned(track, profile, held.get(spine_keys), few=few) for track in group]
        layout = plan_layout(
            group,
            pruned,
            [n for _, n in chosen],
            profile,
            bucket_rows=settings.bucket_rows,
            hot_rows=settings.hot_rows,
        )
        ready = list(zip(group, pruned, strict=True))
        rows = _attach_entity(rows, ready, layout, decided_at=decided_at, audit=audit)
    return rows.rows(), profile


def _attach_entity(
    rows: Carried,
    tracks: Sequence[tuple[Track, DataFrame]],
    layout: Layout,
    *,
    decided_at: str,
    audit: bool,
) -> Carried:
    """All features of one entity: one shuffle."""
    spine_keys = tracks[0][0].spine_keys
    packed = [_packed_spine(rows, spine_keys, layout, decided_at=decided_at)]
    for tag, (track, events) in enumerate(tracks, start=1):
        spread = _spread(layout, time=EVENT, reach=track.reach or 0)
        ready = _ready_events(track, events, layout)
        packed.append(ready.mapInArrow(packer(tag, spread), PACKED_DDL))
    shapes = [Shape.of(track, audit=audit) for track, _ in tracks]
    kernel = track_kernel(shapes)
    return computed(rows, packed, kernel, fields_of(shapes), buckets=layout.buckets)


def _pruned(track: Track, profile: SpineProfile, keys: DataFrame | None, *, few: bool) -> DataFrame:
    """Only events that some decision may count, with their clocks."""
    events = track.events
    if few and track.source.dedupe:
        # An event that no revision gives to one of the keys in reach cannot count.
        near = of_spine(events.where(in_reach(track, profile)), track.source_keys, keys)
        events = with_all_revisions(near, events, track.source)
    return of_spine(countable(track, events, profile), track.source_keys, keys)


def _packed_spine(
    rows: Carried, spine_keys: Sequence[str], layout: Layout, *, decided_at: str
) -> DataFrame:
    if layout.slices is None:
        return rows.packed(spine_keys, layout.buckets, decided_at=decided_at)
    spine = rows.rows()
    placed, bucket = _placed(spine, spine_keys, layout)
    return packed_spine(
        placed.select(*spine.columns, bucket), spine_keys, F.col(BUCKET), decided_at=decided_at,
        placing=_spread(layout, time=MOMENT, reach=0),
    )  # fmt: skip


def _ready_events(track: Track, events: DataFrame, layout: Layout) -> DataFrame:
    placed, bucket = _placed(events, track.source_keys, layout)
    keys = (F.col(key).alias(f"_k{i}") for i, key in enumerate(track.source_keys))
    return placed.select(*keys, bucket, *travelling(track, events))


def _placed(rows: DataFrame, keys: Sequence[str], layout: Layout) -> tuple[DataFrame, Column]:
    """Rows, and their bucket; that of a cut key's rows is where its first slice goes."""
    if layout.slices is None:
        return rows, bucket_of(keys, layout.buckets)
    others = bucket_of(keys, layout.buckets - layout.slices.buckets)
    placed, bucket = layout.slices.placed(rows, keys, others)
    return placed, bucket.alias(BUCKET)


def _spread(layout: Layout, *, time: str, reach: int) -> Spread | None:
    if layout.slices is None:
        return None
    return Spread(edges=layout.slices.edges, time=time, reach=reach)

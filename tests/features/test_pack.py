"""The pack as a whole: how large it is, who answers for it, and what it may not read."""

from stockade.definitions.registry import Registry
from stockade.definitions.source import EventSource, Query, Table
from trust_safety.simulator.tables import OBSERVED, TABLES

PACK = Registry.load("trust_safety.features", "trust_safety.models")


def tables(source: EventSource) -> dict[str, str]:
    origin = source.origin
    if isinstance(origin, Query):
        return {one.name: one.name for one in origin.inputs.values() if isinstance(one, Table)}
    return {origin.name: origin.name} if isinstance(origin, Table) else {}


def test_the_pack_has_well_over_a_hundred_and_fifty_features() -> None:
    assert sum(len(view.features()) for view in PACK.views()) >= 400


def test_every_view_has_an_owner_and_a_sentence() -> None:
    bare = [view.name for view in PACK.views() if not (view.owner and view.description)]
    assert bare == []


def test_every_source_has_an_owner_and_a_sentence() -> None:
    sources = PACK.all(EventSource)
    assert [one.name for one in sources if not (one.owner and one.description)] == []


def test_no_feature_reads_the_truth() -> None:
    read = {name for source in PACK.all(EventSource) for name in tables(source)}
    assert read <= set(OBSERVED), read - set(OBSERVED)


def test_a_source_of_one_table_has_that_tables_clocks_and_key() -> None:
    for source in PACK.all(EventSource):
        # An allegation reaches back years: the pack counts it from the day that it was made.
        if not isinstance(source.origin, Table) or source.name == "address_labels":
            continue
        table = TABLES[source.origin.name]
        declared = (source.event_time, source.available_at, source.dedupe, source.version)
        assert declared == (table.event_time, table.available_at, table.key, table.version)
        assert source.retracted == table.retracted

from __future__ import annotations

from collections import defaultdict

import pytest

from conf.errors import LoadTestError
from seed.corpus import build_chunks
from seed.generated import Part, plan_estate
from seed.longview import LONGVIEW_PARK, RATHMORE_GREEN

OF_PILOT = sum(1 for _ in build_chunks(LONGVIEW_PARK))

TYPES = {
    "A": [1, 2, 5, 12, 20],
    "B": [3, 4, 7, 8, 15, 16],
    "C": [6, 9, 10, 13],
    "D": [11, 14, 17, 18, 19],
}


def test_longview_park_is_the_pilot() -> None:
    plots = [LONGVIEW_PARK.plot(number) for number in range(1, 21)]
    assert (LONGVIEW_PARK.tenant, LONGVIEW_PARK.tenant_slug) == ("Longview Estates", "longview-estates")
    assert LONGVIEW_PARK.address == "Longview Park, Drogheda, Co. Louth"
    assert [plot.lot for plot in plots] == [f"LV-{number:03}" for number in range(1, 21)]
    assert {kind: [p.number for p in plots if p.house_type == kind] for kind in TYPES} == TYPES
    assert [house_type.name for house_type in LONGVIEW_PARK.house_types] == [
        "4-bed detached house",
        "3-bed semi-detached house",
        "2-bed terraced house",
        "3-bed end-terrace house",
    ]


def test_ids_never_change() -> None:
    assert str(LONGVIEW_PARK.tenant_id) == "99789d62-44db-5bc3-963d-c8ca64c0cf71"
    assert str(LONGVIEW_PARK.development_id) == "1afee987-8a9d-5810-9078-32979cdc9c69"
    assert str(LONGVIEW_PARK.plot(1).house_id) == "57e036e6-9421-5e73-a360-8137a5161424"


def test_ids_differ_between_developments_and_houses() -> None:
    developments = [part.development for part in plan_estate(50, 3, None)] + [RATHMORE_GREEN]
    plots = [d.plot(number) for d in developments for number in range(1, len(d.type_codes) + 1)]
    assert len({d.tenant_id for d in developments} | {d.development_id for d in developments}) == 8
    assert len({plot.house_id for plot in plots}) == len({plot.lot for plot in plots}) == 56


def test_the_default_estate_is_longview_park_alone() -> None:
    assert plan_estate(20, 1, None) == [Part(LONGVIEW_PARK, OF_PILOT)]


def test_sizes_are_totals_shared_evenly_among_the_further_developments() -> None:
    parts = plan_estate(500, 5, 2000)
    assert parts[0] == Part(LONGVIEW_PARK, OF_PILOT)
    assert [len(part.development.type_codes) for part in parts] == [20, 120, 120, 120, 120]
    assert sum(part.chunk_count for part in parts) == 2000
    counts = [part.chunk_count for part in parts[1:]]
    assert max(counts) - min(counts) <= 1


def test_an_estate_is_the_same_each_time() -> None:
    first, second = plan_estate(60, 3, 1500), plan_estate(60, 3, 1500)
    assert first == second
    assert [list(part.chunks()) for part in first] == [list(part.chunks()) for part in second]


@pytest.mark.parametrize("count", [3, 200, 3000])
def test_a_generated_development_has_just_so_many_chunks_numbered_without_gaps(count: int) -> None:
    part = Part(plan_estate(60, 2, None)[1].development, count)
    chunks = list(part.chunks())
    assert len(chunks) == len({chunk.chunk_id for chunk in chunks}) == count
    indexes = defaultdict(list)
    for chunk in chunks:
        indexes[chunk.document_id].append(chunk.chunk_index)
    assert all(sorted(found) == list(range(len(found))) for found in indexes.values())


def test_further_chunks_vary() -> None:
    part = Part(plan_estate(60, 2, None)[1].development, 3000)
    assert len({chunk.content for chunk in part.chunks()}) > 2950


def test_few_chunks_come_from_many_documents() -> None:
    part = Part(plan_estate(60, 2, None)[1].development, 30)
    assert len({chunk.document_id for chunk in part.chunks()}) > 5


@pytest.mark.parametrize(
    ("houses", "developments", "chunks", "said"),
    [
        (19, 1, None, "--houses 19 --developments 1: Longview Park has 20 houses"),
        (22, 4, None, "every further development needs one"),
        (20, 0, None, "--developments 0"),
        (500, 1, None, "exactly 20"),
        (40, 2, OF_PILOT, f"alone make {OF_PILOT}"),
        (20, 1, OF_PILOT + 1, f"exactly {OF_PILOT}"),
        (20, 1, OF_PILOT - 1, f"alone make {OF_PILOT}"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused_with_sizes_that_do(
    houses: int, developments: int, chunks: int | None, said: str
) -> None:
    with pytest.raises(LoadTestError, match=said) as caught:
        plan_estate(houses, developments, chunks)
    assert caught.value.next_step

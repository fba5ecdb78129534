"""Estates larger than the pilot: generated developments, each with its own tenant, drawn from their ids alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Self
from uuid import uuid5

from conf.errors import LoadTestError
from seed.chunking import split_sentences
from seed.corpus import build_chunks
from seed.estate import Development
from seed.longview import LONGVIEW_PARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from seed.corpus import Chunk

SLUG_PREFIX = "generated-estate-"
_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A development and how many chunks it is to have."""

    development: Development
    chunk_count: int

    @classmethod
    def whole(cls, development: Development) -> Self:
        """A development with exactly the documents that ship with the suite."""
        return cls(development, _size(development))

    def chunks(self) -> Iterator[Chunk]:
        """
        As many chunks as asked for, one at a time; the same in each call.

        Where the documents make more, some of their chunks are drawn by the development's id. Where they make fewer, further
        chunks follow, each mixed from the sentences of one document.
        """
        random = Random(str(self.development.development_id))  # noqa: S311 - no secret
        models = list(build_chunks(self.development))
        if self.chunk_count < len(models):
            models = random.sample(models, self.chunk_count)
        further = _mixed(models, self.chunk_count - len(models), random)
        indexes: Counter[UUID] = Counter()
        for chunk in itertools.chain(models, further):
            index = indexes[chunk.document_id]
            indexes[chunk.document_id] += 1
            chunk_id = uuid5(chunk.document_id, f"chunk {index}")
            yield dataclasses.replace(chunk, chunk_id=chunk_id, chunk_index=index)


def plan_estate(houses: int, developments: int, chunks: int | None) -> list[Part]:
    """
    Longview Park, and the generated developments that are needed to reach the sizes asked for.

    Args:
        houses: Of all developments together; Longview Park has the first 20.
        developments: Longview Park is the first.
        chunks: Of all developments together; None: each has the documents that ship with the suite.

    Raises:
        LoadTestError: The sizes do not fit together.
    """
    pilot = len(LONGVIEW_PARK.type_codes)
    further = developments - 1
    spare_houses = houses - pilot
    if developments < 1 or spare_houses < further:
        raise LoadTestError(
            f"--houses {houses} --developments {developments}: Longview Park has {pilot} houses, and every further "
            "development needs one",
            f"Ask for at least: loadtest seed --houses {pilot + max(further, 0)} --developments {max(developments, 1)}",
        )
    if spare_houses and not further:
        raise LoadTestError(
            f"--houses {houses}: Longview Park has exactly {pilot}; further houses stand in further developments",
            f"Add one: loadtest seed --houses {houses} --developments 2",
        )
    shares = enumerate(_shares(spare_houses, further), start=2)
    estates = [_generated(number, share) for number, share in shares]
    pilot_part = Part.whole(LONGVIEW_PARK)
    if chunks is None:
        return [pilot_part, *map(Part.whole, estates)]
    return [pilot_part, *map(Part, estates, _spare_chunks(chunks, pilot_part.chunk_count, len(estates)))]


def _mixed(models: Sequence[Chunk], count: int, random: Random) -> Iterator[Chunk]:
    sentences: defaultdict[UUID, list[str]] = defaultdict(list)
    for model in models:
        sentences[model.document_id] += split_sentences(model.content.partition("\n\n")[2])
    for model in itertools.islice(itertools.cycle(models), count):
        heading = model.content.partition("\n\n")[0]
        pool = sentences[model.document_id]
        text = " ".join(random.sample(pool, min(_SENTENCES, len(pool))))
        yield dataclasses.replace(model, content=f"{heading}\n\n{text}")


def _generated(number: int, houses: int) -> Development:
    """The *number*-th development; Longview Park is number 1."""
    random = Random(number)  # noqa: S311 - no secret
    types = LONGVIEW_PARK.house_types
    return Development(
        tenant=f"Generated Estate {number}",
        tenant_slug=f"{SLUG_PREFIX}{number}",
        name=f"Generated Park {number}",
        town=LONGVIEW_PARK.town,
        county=LONGVIEW_PARK.county,
        lot_prefix=f"G{number:03}",
        house_types=types,
        type_codes=tuple(random.choice(types).code for _ in range(houses)),
    )


def _spare_chunks(chunks: int, of_pilot: int, estates: int) -> list[int]:
    """Number of chunks of each generated development."""
    spare = chunks - of_pilot
    if spare < estates:
        raise LoadTestError(
            f"--chunks {chunks}: the documents of Longview Park alone make {of_pilot}, and every further "
            "development needs one",
            f"Ask for {of_pilot + estates} or more, or leave --chunks out",
        )
    if spare and not estates:
        raise LoadTestError(
            f"--chunks {chunks}: Longview Park has exactly {of_pilot}; further chunks belong to further developments",
            f"Add one: loadtest seed --houses 40 --developments 2 --chunks {chunks}",
        )
    return _shares(spare, estates)


def _size(development: Development) -> int:
    return sum(1 for _ in build_chunks(development))


def _shares(total: int, hands: int) -> list[int]:
    """*total* in *hands* parts that differ by 1 at most."""
    return [(total * (hand + 1)) // hands - (total * hand) // hands for hand in range(hands)]

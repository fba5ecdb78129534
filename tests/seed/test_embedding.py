from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seed.embedding import BASELINE, DIMENSIONS, embed

if TYPE_CHECKING:
    from random import Random


def similarity(first: str, second: str) -> float:
    vectors = embed([first, second])
    return float(vectors[0] @ vectors[1])


@given(st.lists(st.text(), max_size=5))
def test_every_vector_has_length_one_whatever_the_text(texts: list[str]) -> None:
    vectors = embed(texts)
    assert vectors.shape == (len(texts), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-6)


def test_a_vector_is_the_same_in_another_process_with_another_hash_seed() -> None:
    code = "import sys; from seed.embedding import embed; sys.stdout.buffer.write(embed(['The stopcock']).tobytes())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout == embed(["The stopcock"]).tobytes()


def test_a_vector_never_changes_between_versions() -> None:
    digest = hashlib.sha256(embed(["How do I turn off the water at the stopcock?"]).astype("<f4").tobytes())
    assert digest.hexdigest() == "117c7df5163de59fde19c68242d793b7fb1b25460e73a6fb54e7227d7e028b8a"


def test_case_punctuation_and_plurals_make_no_difference() -> None:
    assert similarity("smoke alarm", "Smoke ALARMS!") == pytest.approx(1)


def test_texts_without_a_common_word_are_as_near_as_the_baseline() -> None:
    assert similarity("boundary fence", "dishwasher salt") == pytest.approx(BASELINE, abs=1e-6)


def test_stop_words_hardly_count() -> None:
    assert similarity("where is the tap", "where is the dog") < BASELINE + 0.05


def test_a_shared_word_counts_more_the_shorter_the_texts() -> None:
    short = similarity("the stopcock", "stopcock closed")
    long = similarity("the stopcock", "stopcock closed beside kitchen windows under heavy brass cover plates")
    assert BASELINE < long < short


def test_words_that_begin_alike_are_nearer_than_others() -> None:
    assert similarity("ventilation", "ventilating") > similarity("ventilation", "insulating") + 0.1


def test_a_text_without_a_word_is_far_from_the_origin() -> None:
    assert np.linalg.norm(embed(["", "…"]), axis=1).tolist() == [1, 1]


@given(st.lists(st.text(alphabet="Taps. gas:\n9é", max_size=30), min_size=1, max_size=20), st.randoms())
def test_a_vector_does_not_depend_on_the_texts_beside_it_or_before_it(
    texts: list[str], random: Random
) -> None:
    together = embed(texts)
    order = random.sample(range(len(texts)), len(texts))
    for i in order:
        assert embed([texts[i]])[0].tobytes() == together[i].tobytes()
    assert embed([texts[i] for i in order]).tobytes() == together[order].tobytes()


def test_a_vector_does_not_depend_on_what_the_process_has_read_before() -> None:
    text = "The boiler hums. Water: off at the stopcock!\nThe stopcock hums"
    code = "import sys; from seed.embedding import embed; sys.stdout.buffer.write(embed(sys.argv[1:])[-1].tobytes())"
    for before in ([], [text[::-1], "stopcock hums water boiler", *text.split()[::-1]]):
        done = subprocess.run([sys.executable, "-c", code, *before, text], capture_output=True, check=True)
        assert done.stdout == embed([text]).tobytes()


def test_where_a_sentence_ends_makes_no_difference() -> None:
    apart = "Close the stopcock. Open the window: wide!\n\nBoilers hum. In the hall"
    assert embed([apart]).tobytes() == embed([apart.translate(str.maketrans(".:!\n", "    "))]).tobytes()


def test_a_sentence_too_long_to_be_remembered_is_read_alike() -> None:
    long = "Close the stopcock under the sink " * 20
    assert embed([f"{long[:300]}. {long[300:]}"]) == pytest.approx(embed([long]), abs=1e-6)


def test_a_word_is_counted_over_all_sentences() -> None:
    apart, together = "tap. the. tap: the tap the tap", "tap the tap the tap the tap"
    assert embed([apart]).tobytes() == embed([together]).tobytes()

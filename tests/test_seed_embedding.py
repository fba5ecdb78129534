from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seed.embedding import BASELINE, DIMENSIONS, embed


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

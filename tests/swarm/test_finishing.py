"""What is looked at when a run is finished."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from conf.loading import load_settings
from conf.operations import Journey
from swarm.owner.finishing import _check_houses

REUSED_AT = datetime(2026, 11, 28, tzinfo=UTC)


class Dealer:
    """Of houses that have all been onboarded."""

    reused_at = REUSED_AT

    def __len__(self) -> int:
        return 20


@pytest.mark.parametrize(
    ("contract", "noted"), [("phase17", ["fixture_exhausted"]), ("portal-2025-12", []), ("portal-2026", [])]
)
def test_houses_are_used_up_only_where_the_contract_says_that_a_token_is_spent(
    contract: str, noted: list[str]
) -> None:
    codes: list[str] = []
    run: Any = SimpleNamespace(
        dealer=Dealer(),
        choice=SimpleNamespace(
            settings=load_settings({"target.contract": contract}, environ={}), journeys=[Journey.ONBOARDING]
        ),
        note_problem=lambda code, *_, **__: codes.append(code),
    )
    _check_houses(run)
    assert codes == noted

"""What a journey needs, and what is said where it lacks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conf.errors import LoadTestError
from conf.journeys import choose_journeys
from conf.loading import load_settings
from conf.operations import ALL, Journey

if TYPE_CHECKING:
    from pathlib import Path

    from conf.settings import Settings

PROFILE = 'description = "chat alone"\n[chat]\nusers = 1\niterations = 1\n'


@pytest.fixture
def chat_alone(tmp_path: Path) -> Settings:
    file = tmp_path / "evening.toml"
    file.write_text(PROFILE)
    return load_settings({"run.profile": str(file)}, environ={})


def test_the_suites_own_journeys_lack_nothing() -> None:
    chosen = choose_journeys(ALL, tuple(Journey), load_settings(environ={}))
    assert chosen == ((Journey.RAG, Journey.CHAT, Journey.ONBOARDING, Journey.DOCUMENTS), ())


def test_all_leaves_out_a_journey_without_a_load_and_says_so(chat_alone: Settings) -> None:
    journeys, warnings = choose_journeys(ALL, (Journey.CHAT, Journey.DOCUMENTS), chat_alone)
    assert journeys == (Journey.CHAT,)
    assert warnings == (
        "documents: profile evening.toml has no [documents], which says how much load it makes; it is left out",
    )


def test_a_journey_that_is_named_is_refused_for_what_it_lacks(chat_alone: Settings) -> None:
    for word, offered in (("documents", tuple(Journey)), (ALL, (Journey.DOCUMENTS,))):
        with pytest.raises(LoadTestError, match=r"profile evening\.toml has no \[documents\]"):
            choose_journeys(word, offered, chat_alone)


def test_locustfiles_whose_users_name_no_journey_are_refused() -> None:
    with pytest.raises(LoadTestError, match="no user class names a journey"):
        choose_journeys(ALL, (), load_settings(environ={}))


def test_a_contract_that_does_not_describe_a_request_leaves_its_journey_out() -> None:
    settings = load_settings(environ={})
    contract = settings.contract.model_copy(update={"documents_open": None})
    without = settings.model_copy(update={"contract": contract})
    journeys, warnings = choose_journeys(ALL, tuple(Journey), without)
    assert Journey.DOCUMENTS not in journeys
    assert warnings == ("documents: contract phase17 does not describe documents_open; it is left out",)


def test_a_journey_without_a_criterion_is_run_and_not_judged() -> None:
    settings = load_settings(environ={})
    thresholds = {subject: found for subject, found in settings.thresholds.items() if subject != "chat"}
    unjudged = settings.model_copy(update={"thresholds": thresholds})
    assert choose_journeys("chat", tuple(Journey), unjudged) == (
        (Journey.CHAT,),
        ("chat: no criterion names one of chat; nothing of it is judged",),
    )

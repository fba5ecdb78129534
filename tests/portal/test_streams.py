"""What the portal streams, on a real connection: in health, with each fault, and when the client leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from patience import TIMEOUT_S, await_true
from portal_in_process import PortalInProcess, portal_in_process, read_reply
from portal_process import bearer

from conf.errors import LoadTestError, SettingsError
from conf.loading import load_settings
from monitoring.journal.reading import newest
from portal.contracts.spoken import require_spoken
from portal.faults import Faults
from portal.streaming.pace import StreamingModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portal_process import Estate

pytest_plugins = ["portal_estate"]

CHAT = "/api/chat"

Asked = tuple[str, str, dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def portal(estate: Estate) -> Iterator[PortalInProcess]:
    with portal_in_process(estate.url, "phase17-stream") as portal:
        yield portal


@pytest.fixture
def question(estate: Estate) -> Asked:
    house = estate.houses[0]
    body = {"message": "Where is the stopcock?", "developmentId": house.development_id}
    return "POST", CHAT, body, bearer(house)


def test_an_answer_is_its_sources_then_its_text_then_done(
    portal: PortalInProcess, estate: Estate, question: Asked
) -> None:
    reply = portal.ask(*question)
    assert (reply.status, reply.ended) == (200, "whole")
    assert reply.header("content-type").startswith("text/event-stream")
    assert reply.header("transfer-encoding") == "chunked"
    assert reply.kinds == ["sources", "text", "done"]
    first, *_, last = reply.frames
    assert first.keys() == {"type", "sources"}
    assert {s["developmentId"] for s in first["sources"]} == {estate.houses[0].development_id}
    assert last == {"type": "done"}
    assert "stopcock" in reply.text
    ((kept,),) = estate.execute("SELECT ai_message FROM messages ORDER BY created_at DESC LIMIT 1")
    assert kept == reply.text


def test_a_refused_question_is_json_as_in_phase17(portal: PortalInProcess, question: Asked) -> None:
    assert portal.ask(*question[:3]).json == {"error": "Unauthorized"}
    empty = portal.ask("POST", CHAT, {}, question[3])
    assert (empty.status, empty.json) == (400, {"error": "message is required"})


@pytest.mark.parametrize(("fault", "status"), [("model_error_ratio", 502), ("model_refused_ratio", 429)])
def test_a_model_that_fails_before_the_stream_is_a_status(
    fault: str, status: int, portal: PortalInProcess, question: Asked
) -> None:
    with portal.faults(**{fault: 1.0}):
        reply = portal.ask(*question)
    assert (reply.status, list(reply.json)) == (status, ["error"])


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("truncated_ratio", (["sources", "text"], "eof", "failed")),
        ("reset_ratio", (["sources", "text"], "reset", "failed")),
        ("error_frame_ratio", (["sources", "error"], "whole", "failed")),
        ("model_error_within_ratio", (["sources", "text", "error"], "whole", "failed")),
        ("no_text_ratio", (["sources", "done"], "whole", "done")),
        ("fake_stream_ratio", (["sources", "text", "done"], "whole", "done")),
        ("slow_drip_ratio", (["sources", "text", "done"], "whole", "done")),
        ("stall_ratio", (["sources", "text", "done"], "whole", "done")),
    ],
)
def test_each_fault_ends_the_stream_in_its_own_way_and_is_counted(
    fault: str, seen: tuple[list[str], str, str], portal: PortalInProcess, question: Asked
) -> None:
    kinds, ended, counted = seen
    before = portal.figures("portal_streams_total")
    with portal.faults(**{fault: 1.0, "stall_s": 0.05, "slow_drip_s": 0.01}):
        reply = portal.ask(*question)
    assert (reply.status, reply.kinds, reply.ended) == (200, kinds, ended)
    after = portal.figures("portal_streams_total")
    assert Counter(after) - Counter(before) == {counted: 1}


def test_the_fault_of_the_default_tenant_names_another_tenants_documents_alone(
    portal: PortalInProcess, estate: Estate, question: Asked
) -> None:
    with portal.faults(default_tenant_ratio=1.0):
        sources = portal.ask(*question).frames[0]["sources"]
    assert {s["developmentId"] for s in sources} == {estate.foreign_house().development_id}


def test_an_error_frame_says_what_failed_and_is_written_down(
    portal: PortalInProcess, question: Asked
) -> None:
    with portal.faults(model_error_within_ratio=1.0):
        error = portal.ask(*question).frames[-1]
    assert error.keys() == {"type", "message", "error_code", "request_id"}
    assert error["error_code"] == "MODEL_ERROR"
    (record,) = newest(portal.log_dir, "errors", 1)
    assert (record["kind"], record["route"], record["step"]) == ("llm", CHAT, "stream")
    assert (record["status"], record["development_id"]) == (200, question[2]["developmentId"])


def test_a_fake_stream_is_one_write(portal: PortalInProcess, question: Asked) -> None:
    with portal.faults(fake_stream_ratio=1.0), portal.asked(*question) as connection:
        received = b""
        while b"0\r\n\r\n" not in received:
            received += connection.recv(65_536)
    chunks_with_text = [line for line in received.split(b"\r\n") if b'"type":"text"' in line]
    assert len(chunks_with_text) == 1
    assert chunks_with_text[0].count(b'"type":"text"') > 10


def test_heartbeats_alone_last_until_the_client_leaves(portal: PortalInProcess, question: Asked) -> None:
    with portal.faults(heartbeats_only_ratio=1.0), portal.asked(*question) as connection:
        reply = read_reply(connection, leave_at=b": ping\n\n")
        assert reply.kinds == ["sources"]
        assert portal.figures("portal_streams_in_flight") == {"": 1}
    await_true(lambda: portal.figures("portal_streams_in_flight") == {"": 0})


def test_heartbeats_come_in_a_healthy_stream_too(estate: Estate, question: Asked) -> None:
    with portal_in_process(
        estate.url,
        "phase17-stream",
        **{"portal.stream.heartbeat_s": 0.01, "portal.stream.first_token_s": 0.3},
    ) as portal:
        reply = portal.ask(*question)
    assert reply.body.count(b": ping\n\n") >= 3
    assert reply.kinds == ["sources", "text", "done"]


def test_a_client_that_leaves_ends_the_models_work(portal: PortalInProcess, question: Asked) -> None:
    left = portal.figures("portal_streams_total")["client_left"]
    with portal.faults(stall_ratio=1.0, stall_s=TIMEOUT_S):
        _leave_in_the_middle(portal, question)
    await_true(lambda: portal.figures("portal_streams_total")["client_left"] == left + 1)
    await_true(lambda: portal.figures("portal_model_answers_in_flight") == {"": 0})
    assert portal.figures("portal_tokens_after_leaving_total") == {"": 0}


def test_with_the_fault_the_model_goes_on_after_the_client_has_left(estate: Estate, question: Asked) -> None:
    settings = {
        "portal.faults.goes_on_after_leaving": True,
        "portal.stream.tokens": 10,
        "portal.stream.token_gap_s": 0.15,
    }
    with portal_in_process(estate.url, "phase17-stream", **settings) as portal:
        _leave_in_the_middle(portal, question)
        await_true(lambda: portal.figures("portal_tokens_after_leaving_total")[""] > 1)
        await_true(lambda: portal.figures("portal_model_answers_in_flight") == {"": 0})
        assert portal.figures("portal_streams_total") == {"done": 0, "failed": 0, "client_left": 1}


def test_held_connections_leave_none_for_others(estate: Estate, question: Asked) -> None:
    settings = {
        "portal.pool_size": 2,
        "portal.faults.hold_connection": True,
        "portal.faults.heartbeats_only_ratio": 1.0,
    }
    with (
        portal_in_process(estate.url, "phase17-stream", **settings) as portal,
        portal.asked(*question) as one,
        portal.asked(*question) as other,
    ):
        for connection in (one, other):
            read_reply(connection, leave_at=b"sources")
        assert portal.figures("portal_pool_connections") == {"idle": 0, "used": 2}


def test_the_pace_is_drawn_around_its_medians() -> None:
    pace = load_settings(environ={}).portal.stream
    answers = [_tokens_and_waits(number) for number in range(50)]
    for tokens, (accepted_s, first_s, *gaps_s) in answers:
        assert pace.tokens / 2 <= tokens <= pace.tokens * 2
        assert len(gaps_s) == tokens - 1
        assert pace.accepted_s / 2 <= accepted_s <= pace.accepted_s * 2
        assert pace.first_token_s / 2 <= first_s <= pace.first_token_s * 2
    assert 27 < sum(tokens for tokens, _ in answers) / 50 < 33


def test_the_same_seed_repeats_the_pace_and_another_does_not() -> None:
    assert _tokens_and_waits(7) == _tokens_and_waits(7) != _tokens_and_waits(8)


def test_shares_of_streams_that_add_up_to_more_than_everything_are_refused() -> None:
    with pytest.raises(SettingsError, match="a streamed answer has one of these faults"):
        load_settings({"portal.faults.stall_ratio": 0.6, "portal.faults.reset_ratio": 0.6}, environ={})


def test_faults_of_streams_come_in_their_shares() -> None:
    settings = load_settings(
        {"portal.faults.stall_ratio": 0.3, "portal.faults.reset_ratio": 0.2}, environ={}
    ).portal.faults
    faults = Faults(settings, Random(17))
    drawn = Counter(faults.draw_of_stream().name for _ in range(1000))
    assert abs(drawn["STALL"] - 300) < 60
    assert abs(drawn["RESET"] - 200) < 50
    assert drawn["NONE"] == 1000 - drawn["STALL"] - drawn["RESET"]


def test_a_contract_that_the_portal_does_not_speak_is_an_error_that_lists_those_it_does() -> None:
    assert require_spoken(("phase17-stream", "phase17")).name == "phase17-stream"
    assert require_spoken(("theirs", "portal-2026")).name == "portal-2026"
    all_four = "phase17, phase17-stream, portal-2025-12, portal-2026"
    with pytest.raises(LoadTestError, match=f"does not speak 'theirs'; it speaks {all_four}"):
        require_spoken(("theirs", ""))


def _leave_in_the_middle(portal: PortalInProcess, question: Asked) -> None:
    with portal.asked(*question) as connection:
        assert read_reply(connection, leave_at=b'"type":"text"').ended == "left"


def _tokens_and_waits(seed: int) -> tuple[int, list[float]]:
    """How many tokens an answer has, and all the waits from its question on."""
    waited_s: list[float] = []

    async def sleep(seconds: float) -> None:
        waited_s.append(seconds)

    async def answer() -> int:
        model = StreamingModel(load_settings(environ={}).portal.stream, Random(seed), sleep)
        return len([token async for token in await model.accept("Turn it to the right until it stops.")])

    return asyncio.run(answer()), waited_s

from __future__ import annotations

import pytest

from conf.loading import load_settings
from conf.operations import Operation
from reports.reading.naming import parse_operation

CONTRACT = load_settings(environ={}).contract


@pytest.mark.parametrize(
    ("method", "name", "operation"),
    [
        ("POST", "chat", Operation.CHAT),
        ("FLOW", "onboarding_flow", Operation.ONBOARDING_FLOW),
        ("SQL", "rag_query", Operation.RAG_QUERY),
        ("POST", "/api/chat", Operation.CHAT),
        ("POST", "/api/chat/", Operation.CHAT),
        ("POST", "/api/chat?stream=1", Operation.CHAT),
        ("POST", "POST /api/chat", Operation.CHAT),
        ("POST", "http://127.0.0.1:5000/api/chat", Operation.CHAT),
        ("GET", "/onboarding/[id]", Operation.ONBOARDING_PAGE),
        ("GET", "/onboarding/:token", Operation.ONBOARDING_PAGE),
        ("POST", "/api/qr/resolve", Operation.ONBOARDING_RESOLVE),
        ("GET", "/api/chat", None),
        ("GET", "/api/chat/history", None),
        ("GET", "/onboarding/", None),
        ("GET", "/onboarding/a/b", None),
        ("GET", "http://[", None),
        ("GET", "", None),
        ("POST", "Chat", None),
    ],
)
def test_a_name_is_ours_where_it_is_an_operation_or_a_path_of_the_contract(
    method: str, name: str, operation: Operation | None
) -> None:
    assert parse_operation(method, name, CONTRACT) is operation

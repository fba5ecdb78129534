"""
A locustfile with the simplest users that post: Locust's two HTTP users, nothing around them.

What they post is what ``HomeownerChatUser`` posts, byte for byte; see ``Estate.request``.
"""

from __future__ import annotations

from locust import FastHttpUser, HttpUser, task

import json
import os
from pathlib import Path

_REQUEST = json.loads(Path(os.environ["BENCHMARK_REQUEST"]).read_text(encoding="utf-8"))


class BareFastHttpUser(FastHttpUser):
    """Locust's faster one, on geventhttpclient."""

    @task
    def post(self) -> None:
        """The same request again and again."""
        self.client.post(_REQUEST["path"], data=_REQUEST["body"], headers=_REQUEST["headers"])


class BareHttpUser(HttpUser):
    """Locust's usual one, on requests."""

    @task
    def post(self) -> None:
        """As above."""
        self.client.post(_REQUEST["path"], data=_REQUEST["body"], headers=_REQUEST["headers"])

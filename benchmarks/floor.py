"""
The least that posting costs with Locust's faster library: geventhttpclient alone, in so many greenlets.

Run by benchmarks/throughput.py: ``python -m benchmarks.floor http://127.0.0.1:PORT USERS``.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - after gevent
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from geventhttpclient import HTTPClient  # noqa: E402


def post_for_ever(url: str) -> None:
    """One user."""
    request = json.loads(Path(os.environ["BENCHMARK_REQUEST"]).read_text(encoding="utf-8"))
    client = HTTPClient.from_url(url, network_timeout=60.0)
    body = request["body"].encode()
    while True:
        client.post(request["path"], body, request["headers"]).read()


if __name__ == "__main__":
    gevent.joinall([gevent.spawn(post_for_ever, sys.argv[1]) for _ in range(int(sys.argv[2]))])

"""
Clients that read streamed answers with other libraries, in as many tasks as there are streams, until they are stopped.

Run by the interpreter of an environment of their own, so nothing of the suite is here:
``python benchmarks/stream_peers.py WAY http://127.0.0.1:PORT STREAMS REQUEST.json``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LONG_S = 120.0


async def aiohttp_lines(url: str, streams: int, request: dict[str, Any]) -> None:
    """The least that reads a stream with aiohttp: its lines, and JSON behind each ``data:``."""
    import aiohttp  # noqa: PLC0415 - one way is measured at a time

    async def read() -> None:
        async with session.post(url, data=request["body"]) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    json.loads(line[6:]).get("content")

    timeout = aiohttp.ClientTimeout(total=LONG_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        headers=request["headers"], connector=connector, timeout=timeout
    ) as session:
        await _for_ever(read, streams)


async def httpx_sse(url: str, streams: int, request: dict[str, Any]) -> None:
    """The same with httpx and httpx-sse."""
    import httpx  # noqa: PLC0415 - as above
    from httpx_sse import aconnect_sse  # noqa: PLC0415 - as above

    async def read() -> None:
        async with aconnect_sse(client, "POST", url, content=request["body"]) as source:
            async for event in source.aiter_sse():
                json.loads(event.data).get("content")

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(headers=request["headers"], limits=limits, timeout=LONG_S) as client:
        await _for_ever(read, streams)


async def aiperf(url: str, streams: int, request: dict[str, Any]) -> None:
    """AIPerf's client, which leaves the JSON of the events to another of its processes."""
    from aiperf.transports.aiohttp_client import AioHttpClient  # noqa: PLC0415 - as above

    client = AioHttpClient(timeout=LONG_S)

    async def read() -> None:
        record = await client.post_request(url, request["body"].encode(), request["headers"])
        assert record.responses, record.error

    await _for_ever(read, streams)


async def guidellm(url: str, streams: int, _: dict[str, Any]) -> None:
    """GuideLLM's client; to its handler of chat completions nearly all events are without a text."""
    from guidellm.backends.openai.http import OpenAIHTTPBackend  # noqa: PLC0415 - as above
    from guidellm.schemas import GenerationRequest, RequestInfo  # noqa: PLC0415 - as above
    from guidellm.schemas.backends import OpenAIHTTPBackendArgs  # noqa: PLC0415 - as above

    backend = OpenAIHTTPBackend(OpenAIHTTPBackendArgs(target=url, model="none", timeout=LONG_S))
    await backend.process_startup()
    question = {"text_column": ["How does the heating work?"]}

    async def read() -> None:
        async for _ in backend.resolve(GenerationRequest(columns=question), RequestInfo()):
            pass

    await _for_ever(read, streams)


async def _for_ever(read: Callable[[], Awaitable[None]], streams: int) -> None:
    async def again_and_again() -> None:
        while True:
            await read()

    await asyncio.gather(*(again_and_again() for _ in range(streams)))


WAYS = {
    "httpx-sse": httpx_sse,
    "aiohttp": aiohttp_lines,
    "aiperf": aiperf,
    "guidellm": guidellm,
}

if __name__ == "__main__":
    way, address, number, file = sys.argv[1:]
    if way == "aiperf":  # as its own workers do; GuideLLM does so itself
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(WAYS[way](address, int(number), json.loads(Path(file).read_text(encoding="utf-8"))))

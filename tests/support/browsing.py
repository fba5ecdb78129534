"""
A real browser's view of a page, as JSON: messages, requests, and texts of the page.

    python tests/support/browsing.py --each    # a line per page on stdin: a JSON list of the words below; one browser for all
    python tests/support/browsing.py URL [--width 390] [--height 900] [--scale 2] [--touch] [--dark] [--print] [--read CSS ...] [--colour CSS ...]
        [--do 'click CSS' | 'fill CSS TEXT' | 'choose CSS TEXT' | 'wait CSS' | 'await CSS' | 'change CSS' ...] [--frame CSS]
        [--screenshot FILE] [--pdf FILE] [--whole | --part CSS]

It runs in a process of its own: Playwright has an event loop, which must not meet gevent in the tests' process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
TIMEOUT_MS = 300_000
_COLOURS = """e => { const s = getComputedStyle(e);
    return {color: s.color, background: s.backgroundColor, fill: s.fill, stroke: s.stroke, display: s.display} }"""


def find_chromium() -> str | None:
    """The machine's browser, or the one that ``playwright install chromium`` fetched; None where there is neither."""
    if found := shutil.which("chromium"):
        return found
    fetched = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path("~/.cache/ms-playwright").expanduser())
    return next(map(str, sorted(fetched.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--scale", type=float, default=1, help="device pixels per CSS pixel")
    parser.add_argument(
        "--touch", action="store_true", help="a telephone: fingers, and no pointer that could rest"
    )
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--print", action="store_true", dest="printed", help="as on paper")
    parser.add_argument("--do", action="append", default=[], metavar="ACTION", help="in this order")
    parser.add_argument("--read", action="append", default=[], metavar="CSS", help="texts of all that match")
    parser.add_argument(
        "--colour", action="append", default=[], metavar="CSS", help="computed, of the first that matches"
    )
    parser.add_argument("--frame", metavar="CSS", help="read in this iframe, rather than in the page")
    parser.add_argument("--screenshot", type=Path)
    parser.add_argument("--whole", action="store_true", help="the whole page rather than what is in view")
    parser.add_argument("--part", metavar="CSS", help="of the first element that matches")
    parser.add_argument("--pdf", type=Path)
    return parser.parse_args(arguments)


def act(page: Page, action: str, frame: str | None = None) -> None:
    """
    Do one action: ``click CSS``, ``fill CSS TEXT``, ``choose CSS TEXT`` (no blank in CSS), ``wait CSS``.

    In the iframe *frame*: ``await CSS`` waits until the element is there, ``change CSS`` until its text changes.
    """
    verb, _, rest = action.partition(" ")
    match verb:
        case "click":
            page.click(rest)
        case "fill":
            selector, _, text = rest.partition(" ")
            page.fill(selector, text)
        case "select":
            selector, _, text = rest.partition(" ")
            page.select_option(selector, text)
        case "choose":
            selector, _, text = rest.partition(" ")
            page.click(selector)
            page.get_by_role("option", name=text, exact=True).click()
        case "wait":
            page.wait_for_selector(rest)
        case "await":
            page.frame_locator(frame or "iframe").locator(rest).first.wait_for()
        case "change":
            inside = page.frame_locator(frame or "iframe").locator(rest).first
            before, deadline_s = inside.inner_text(), time.monotonic() + TIMEOUT_MS / 1000
            while inside.inner_text() == before:
                if time.monotonic() > deadline_s:
                    sys.exit(f"{rest} still says {before!r}")
                page.wait_for_timeout(100)
        case _:
            sys.exit(
                f"{action!r} is none of: click CSS, fill CSS TEXT, choose CSS TEXT, wait, await, change CSS"
            )


def look(page: Page, arguments: argparse.Namespace) -> dict[str, Any]:
    """What can be seen of a loaded page."""
    size = page.evaluate(
        "() => { const e = document.documentElement; return [e.scrollWidth, e.clientWidth, e.scrollHeight] }"
    )
    place = page.frame_locator(arguments.frame) if arguments.frame else page
    seen = {
        "title": page.title(),
        "text": page.inner_text("body"),
        "scroll_width": size[0],
        "client_width": size[1],
        "height": size[2],
        "texts": {css: place.locator(css).all_inner_texts() for css in arguments.read},
        "colours": {css: page.locator(css).first.evaluate(_COLOURS) for css in arguments.colour},
    }
    if arguments.screenshot:
        target = page.locator(arguments.part).first if arguments.part else page
        whole = {"full_page": True} if arguments.whole and not arguments.part else {}
        target.screenshot(path=arguments.screenshot, **whole)
    if arguments.pdf:
        page.pdf(
            path=arguments.pdf,
            format="A4",
            print_background=False,
            margin=dict.fromkeys(("top", "bottom", "left", "right"), "12mm"),
        )
    return seen


def browse(browser: Browser, arguments: argparse.Namespace) -> dict[str, Any]:
    """Open the page, do the actions, and return what was seen."""
    console: list[dict[str, str]] = []
    requests: list[str] = []
    page = browser.new_page(
        viewport={"width": arguments.width, "height": arguments.height},
        device_scale_factor=arguments.scale,
        is_mobile=arguments.touch,
        has_touch=arguments.touch,
        color_scheme="dark" if arguments.dark else "light",
    )
    page.set_default_timeout(TIMEOUT_MS)
    page.on("console", lambda message: console.append({"type": message.type, "text": message.text}))
    page.on("pageerror", lambda error: console.append({"type": "error", "text": str(error)}))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(arguments.url)
    if arguments.printed:
        page.emulate_media(media="print", color_scheme="light")
    for action in arguments.do:
        act(page, action, arguments.frame)
    seen = look(page, arguments)
    page.close()
    return {"url": arguments.url, "console": console, "requests": requests, **seen}


def main(words: list[str]) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - tests import this module without Playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for asked in map(json.loads, sys.stdin) if words == ["--each"] else [words]:
            print(json.dumps(browse(browser, parse_arguments(asked))), flush=True)  # noqa: T201 - its output
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])

"""What a portal sets in a homeowner's browser."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.request import Request

if TYPE_CHECKING:
    from locust.contrib.fasthttp import FastResponse


class Cookies:
    """The cookies of one user; most never get one, and then this costs nothing."""

    __slots__ = ("_jar",)

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def keep(self, url: str, response: FastResponse) -> None:
        """Remember what an answer sets."""
        if response.headers is not None and "set-cookie" in response.headers:
            self._jar = self._jar or CookieJar()
            self._jar.extract_cookies(response, Request(url))  # type: ignore[arg-type]  # noqa: S310 - nothing is opened

    def header(self, url: str) -> str:
        """The value of the header that goes to *url*; empty where there is none."""
        if self._jar is None:
            return ""
        request = Request(url)  # noqa: S310 - nothing is opened
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def forget(self) -> None:
        """From now on it is another browser."""
        self._jar = None

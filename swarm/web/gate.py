"""
The gate before Locust's web UI: it admits requests of the web UI's own pages, of links and of scripts, and no others.

A browser sends requests for any page that is open in it. Such a page may belong to another site, even to one that made
its name lead here (DNS rebinding). Neither may start, stop or read a run.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from conf.address import parse_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from monitoring.web_address import WebAddress

    Environ = dict[str, Any]
    Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

ORIGIN = "loadtest.origin"
"""Key of the WSGI environment: the address under which the web UI was requested."""
_SAFE = {"GET", "HEAD"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'; base-uri 'self'; form-action 'self'; object-src 'none'",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LONGEST_SHOWN = 100


class Gate:
    """
    A WSGI application in front of another one, for all paths, even unknown ones.

    Args:
        application: Locust's.
        address: The addresses of the web UI.
    """

    def __init__(self, application: Application, address: WebAddress) -> None:
        self._application = application
        self._address = address

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Refuse a request, or pass it on."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, _hardened(headers), *rest)

        refusal = self._refusal(environ)
        if refusal is not None:
            return refusal(environ, start)
        return self._application(environ, start)

    def _refusal(self, environ: Environ) -> Response | None:
        if not environ["PATH_INFO"].startswith("/"):
            return _refuse(HTTPStatus.BAD_REQUEST, "the request names no path of this web UI")
        named = environ.get("HTTP_HOST", "")
        origin = self._address.origin(named, int(environ["SERVER_PORT"]), environ["wsgi.url_scheme"])
        if origin is None:
            shown = ascii(named[:_LONGEST_SHOWN])
            return _refuse(
                HTTPStatus.FORBIDDEN,
                f"Host: {shown} is no address of this web UI",
                "Where a proxy or a name of yours leads here, name it: LOADTEST_WEB_ADDRESSES=http://NAME:PORT",
            )
        if not _is_own(environ, origin):
            return _refuse(HTTPStatus.FORBIDDEN, "asked by a page of another site")
        environ[ORIGIN] = origin
        return None


def _is_own(environ: Environ, origin: str) -> bool:
    """
    Whether a request comes from a page of *origin*, from a followed link, or from no page at all.

    Browsers name a request's origin in ``Sec-Fetch-Site``; older ones in ``Origin`` or ``Referer``. A page can make a
    browser leave all three out, and such a request may change nothing here. Other clients have no pages, and send
    none of the three.
    """
    is_safe = environ["REQUEST_METHOD"] in _SAFE
    site, named = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if site in {"same-origin", "none"}:
        # A browser may send the origin "null" for the web UI's own page without a referrer policy.
        return named in {None, "null"} or _origin_of(named) == origin
    if site is not None:
        followed = environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        opened = environ.get("HTTP_SEC_FETCH_DEST", "document") == "document"
        return is_safe and followed and opened
    if named is not None:
        return _origin_of(named) == origin
    if is_safe:
        return True
    if referrer := environ.get("HTTP_REFERER"):
        return _origin_of(referrer) == origin
    return not environ.get("HTTP_USER_AGENT", "").startswith("Mozilla/")


def _origin_of(page: str) -> str:
    """The origin of a page's address, or of an origin; empty where *page* is neither."""
    try:
        return str(parse_page(page)[0])
    except ValueError:
        return ""


def _hardened(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Remove Locust's permission for other sites to read answers, and add headers that restrict browsers."""
    kept = Headers([(name, text) for name, text in headers if not name.lower().startswith("access-control-")])
    for name, text in _HEADERS.items():
        kept.setdefault(name, text)
    return list(kept)


def _refuse(status: HTTPStatus, reason: str, next_step: str = "") -> Response:
    text = f"Error: {reason}\n" + (f"{next_step}\n" if next_step else "")
    return Response(text, status, content_type="text/plain; charset=utf-8")

"""Pages of the portal that are read outside of the load: its health, its metrics."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 1_000_000


class _StayThere(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No request follows; the redirect itself is the answer."""


_opener = build_opener(_StayThere, ProxyHandler({}))


def read_page(url: str, timeout_s: float, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """
    Ask the host that *url* names, and no other: redirects are not followed, proxies of the environment not used.

    Args:
        url: An http address whose host the settings allow.
        timeout_s: For connecting, and for each read.
        headers: Of the request.

    Returns:
        Status and body, of which at most a megabyte is read.

    Raises:
        OSError: No answer, or one that is not HTTP; its text holds the reason alone.
    """
    try:
        asked = Request(url, headers=dict(headers or {}))  # noqa: S310 - the settings allow no other scheme
        with _opener.open(asked, timeout=timeout_s) as answer:
            return answer.status, answer.read(_MOST_BYTES)
    except HTTPError as error:
        with error:
            return error.code, error.read(_MOST_BYTES)
    except HTTPException as error:
        raise OSError("what answers there does not speak HTTP") from error
    except URLError as error:
        raise OSError(getattr(error.reason, "strerror", None) or str(error.reason)) from error
    except OSError as error:
        raise OSError(error.strerror or str(error) or "no answer") from error

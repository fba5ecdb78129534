"""What failures mean in another project's CSV: the words of Locust, of requests, of urllib3 and of Python itself."""

from __future__ import annotations

import re

from conf.failures import Cause, status_code

_STATUS = re.compile(
    r"""(?x)
    (?: HTTPError\(\W*                                  # of requests: HTTPError('401 Client Error: …')
      | \A\W*                                           # of Locust 0.x: 401 Client Error: …
    ) (?P<error> [45]\d\d ) \s (?:Client|Server)\ Error
    | BadStatusCode\b [^)]* \b code\ ?= \ ?(?P<fast> [1-5]\d\d )
    | BadStatusCode\(.*,\ ?(?P<named> [1-5]\d\d )\)
    | (?i: \b (?:status(?:[\ _]?code)? | HTTP(?:/[\d.]+)?) [\ :=]{0,3} (?:is\ |was\ |of\ )? (?P<said> [1-5]\d\d ) \b)
    """
)
_CAUSES = (
    (
        Cause.NOT_CONNECTED,
        r"ConnectionRefused|NewConnection|ConnectTimeout|gaierror|NameResolution|No route to host|unreachable|not known",
    ),
    (
        Cause.BROKEN_OFF,
        r"ConnectionReset|RemoteDisconnected|BrokenPipe|Aborted|IncompleteRead|ChunkedEncoding|HTTPConnectionClosed",
    ),
    (Cause.TIMED_OUT, r"(?i)time[d_ ]{0,2}-?out"),
    (Cause.NOT_HTTP, r"BadStatusLine|InvalidHeader|HTTPParseError"),
)


def foreign_code(message: str) -> str:
    """The code of a failure, by its message; empty where it has none. A number in an address is no status."""
    if match := _STATUS.search(message):
        return next(status_code(int(digits)) for digits in match.groups() if digits)
    return next((cause for cause, pattern in _CAUSES if re.search(pattern, message)), "")

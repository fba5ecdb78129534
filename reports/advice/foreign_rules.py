"""What to do about failures in another project's run; its target is unknown, so no command is given."""

from __future__ import annotations

from conf.failures import Cause
from reports.advice.evidence import requests_failed
from reports.advice.rule import AdviceRule

_NO_ANSWER = "It is not running, it stopped during the run, or a proxy or firewall before it gave up."
FOREIGN_RULES = (
    AdviceRule(
        "unauthorized",
        "The target refuses requests as unauthorized",
        requests_failed("http_401", "http_403"),
        "The load's credentials are missing, wrong or have expired.",
        (),
    ),
    AdviceRule(
        "not_found",
        "The target does not know what is asked for",
        requests_failed("http_404", "http_405"),
        "The load asks for addresses that the target does not have, or for records that are not in its database.",
        (),
    ),
    AdviceRule(
        "rate_limited",
        "A rate limit of the target refused requests",
        requests_failed("http_429"),
        "The load is above a limit of the target, or of a proxy before it. Spread the load, or raise the limit for the test.",
        (),
    ),
    AdviceRule(
        "unreachable", "The target could not be reached", requests_failed(Cause.NOT_CONNECTED), _NO_ANSWER, ()
    ),
    AdviceRule(
        "connection_lost",
        "The target broke off connections",
        requests_failed(Cause.BROKEN_OFF),
        _NO_ANSWER,
        (),
    ),
    AdviceRule(
        "timed_out",
        "Answers did not come in time",
        requests_failed(Cause.TIMED_OUT),
        "The target is overloaded or hangs.",
        (),
    ),
    AdviceRule(
        "server_error",
        "The target answered with errors of its own",
        requests_failed("http_5*"),
        "Something failed inside of the target, or of what it depends on; its log says what.",
        (),
    ),
)

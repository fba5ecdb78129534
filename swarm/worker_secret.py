"""The shared secret of master and workers: it proves that they belong together, and their encryption keys come from it."""

from __future__ import annotations

import os
from functools import cache
from hashlib import scrypt
from typing import TYPE_CHECKING

import zmq
from zmq.utils import z85

from conf.address import is_loopback
from conf.errors import LoadTestError
from conf.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "LOADTEST_WORKER_SECRET"
_LEAST_CHARACTERS = 16
_PURPOSE = b"openhouse-loadtest: master of workers"


def find_worker_secret(option: str, host: str, environ: Mapping[str, str] = os.environ) -> str:
    """
    The secret; empty where none is set and none is needed, which is on the loopback.

    Args:
        option: Locust's option that names *host*.
        host: Address that a master listens on, or that a worker connects to.
        environ: The process's environment.

    Raises:
        LoadTestError: The secret is missing or too short, or its file is not in order.
    """
    secret = read_secret(VARIABLE, environ)
    if not secret and not is_loopback(host):
        raise LoadTestError(
            f"{option} {host}: beyond this machine workers and their master prove that they belong together, and {VARIABLE} "
            "is not set",
            f"Set it to one secret for all of them, such as: export {VARIABLE}=$(openssl rand -hex 32)",
        )
    if secret and len(secret) < _LEAST_CHARACTERS:
        raise LoadTestError(
            f"{VARIABLE}: has {len(secret)} characters, and needs {_LEAST_CHARACTERS} or more",
            "Take one such as `openssl rand -hex 32` prints, for the master and all workers",
        )
    return secret


class MasterKeys:
    """
    The master's CurveZMQ key pair (RFC 26); master and worker both derive it from the secret.

    The public key is never sent: a worker that connects with it knows the secret, and so does a master that answers.
    scrypt takes some hundredths of a second, which makes it slow to try out secrets on recorded traffic.
    """

    def __init__(self, secret: str) -> None:
        raw = scrypt(secret.encode(errors="surrogateescape"), salt=_PURPOSE, n=2**14, r=8, p=1, dklen=32)
        self.private: bytes = z85.encode(raw)
        self.public: bytes = zmq.curve_public(self.private)

    @classmethod
    def of(cls, secret: str) -> MasterKeys | None:
        """
        The keys of *secret*; None where it is empty.

        Raises:
            LoadTestError: This ZeroMQ was built without CURVE.
        """
        if secret and not zmq.has("curve"):
            raise LoadTestError(
                f"{VARIABLE}: the ZeroMQ that is installed here knows no CURVE",
                "Install PyPI's: pip install pyzmq",
            )
        return _keys(secret) if secret else None


@cache
def _keys(secret: str) -> MasterKeys:
    return MasterKeys(secret)

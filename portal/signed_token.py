"""QR tokens that are signed: parts joined by colons, the last an HMAC of those before it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

LIFETIME = timedelta(hours=720)
_AFTER_IDS = 3
"""Parts behind the ids: milliseconds since 1970, a nonce, the signature."""


def signature(signed: str, secret: str) -> str:
    """HMAC-SHA256 of *signed*, in base64 for addresses, without padding."""
    digest = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def verified_ids(token: str, ids: int, secret: str, now: datetime) -> list[str] | None:
    """
    The ids that *token* begins with; None unless it is whole, signed with *secret* and not older than its lifetime.

    Args:
        token: As it was sent.
        ids: How many it must have.
        secret: The portal's own.
        now: Aware.
    """
    parts = token.split(":")
    signed, _, sent = token.rpartition(":")
    if len(parts) != ids + _AFTER_IDS or not token.isascii():
        return None
    if not hmac.compare_digest(sent, signature(signed, secret)) or not parts[ids].isdecimal():
        return None
    age_ms = now.timestamp() * 1000 - int(parts[ids])
    return parts[:ids] if age_ms <= LIFETIME.total_seconds() * 1000 else None

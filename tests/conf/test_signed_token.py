"""What a contract may say about signed tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conf.errors import SettingsError
from conf.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from conf.contract import Contract

BEGINNING = """
description = "A portal of a test"
health = "/up"
house_fields = ["unit_uid"]
"""
SIGNED = """
[tokens.qr_token]
parts = ["{unit_uid}", "{timestamp_ms}"]
joint = ":"
lifetime_s = 3600
"""
ROW = """
[tokens.qr_token.registration]
table = "qr_tokens"
columns = { token_hash = "{sha256}", expires_at = "{expires_at}" }
"""


def contract(directory: Path, text: str) -> Contract:
    (directory / "own.toml").write_text(BEGINNING + text)
    return load_settings({"target.contract": str(directory / "own.toml")}, environ={}).contract


def test_a_token_that_is_in_order_is_accepted(tmp_path: Path) -> None:
    token = contract(tmp_path, SIGNED + ROW).tokens["qr_token"]
    assert token.registration is not None
    assert token.registration.batch_column == "expires_at"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("tokens.qr_token", "tokens.code", "tokens.code: fills no field of a house; allowed: development_id, "),
        ("tokens.qr_token", "tokens.jwt", "tokens.jwt: fills no field of a house"),
        ("{unit_uid}", "{unit}", "tokens.qr_token.parts: unknown placeholder 'unit' in '{unit}'; allowed: development_id, "),
        ("{unit_uid}", "{qr_token}", "tokens.qr_token.parts: unknown placeholder 'qr_token'"),
        ("{unit_uid}", "{question}", "tokens.qr_token.parts: unknown placeholder 'question'"),
        ("{unit_uid}", "{unit_uid", "tokens.qr_token: '{unit_uid' cannot be filled in"),
        ("{timestamp_ms}", "{nonce}", 'tokens.qr_token: no part is "{timestamp_ms}"'),
        ("lifetime_s = 3600", "lifetime_s = 0", "tokens.qr_token.lifetime_s: "),
        ("lifetime_s = 3600", 'lifetime_s = 60\nencoding = "base64"', "tokens.qr_token.encoding: "),
        ('":"', '""', "tokens.qr_token.joint: "),
        ("{sha256}", "{token}", "tokens.qr_token.registration.columns: unknown placeholder 'token'"),
        ('"{expires_at}"', '"{timestamp_ms}"', 'tokens.qr_token.registration: no column is "{expires_at}"'),
        ('"qr_tokens"', '"qr_tokens; DROP TABLE units"', "tokens.qr_token.registration.table: "),
        ("token_hash =", '"token_hash) --" =', "tokens.qr_token.registration.columns."),
    ],
)  # fmt: skip
def test_a_token_that_is_not_is_refused_with_its_file_and_key(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in SIGNED + ROW
    with pytest.raises(SettingsError) as caught:
        contract(tmp_path, (SIGNED + ROW).replace(old, new))
    assert f"{tmp_path / 'own.toml'}: contract.{complaint}" in str(caught.value)

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import SecretStr

from conf.errors import LoadTestError
from seed.fixture import House
from seed.jwts import (
    LIFETIME,
    homeowner_token,
    homeowner_tokens,
    refuse_expiring,
    require_secret,
    token_expiry,
    with_new_tokens,
)

NOW = datetime(2025, 11, 15, 12, 0, 0, 900_000, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the tests
HOUSE = House("house", "tenant", "slug", "development", None, 1, "LV-001", "qr", "")


def signed(now: datetime, lot: str = "LV-001") -> House:
    return dataclasses.replace(HOUSE, lot=lot, jwt=homeowner_token(HOUSE, SECRET, now))


def test_a_token_holds_the_claims_of_the_contract_for_24_hours() -> None:
    token = homeowner_token(HOUSE, SECRET, NOW)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    issued = int(NOW.timestamp())
    claims = jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert claims == {
        "tenant_id": "tenant",
        "development_id": "development",
        "house_id": "house",
        "house_type": None,
        "role": "homeowner",
        "iat": issued,
        "exp": issued + 24 * 60 * 60,
    }


def test_the_batch_form_signs_each_house_in_order() -> None:
    houses = [HOUSE, dataclasses.replace(HOUSE, house_id="other")]
    assert homeowner_tokens(houses, SECRET, NOW) == [homeowner_token(house, SECRET, NOW) for house in houses]
    assert [house.jwt for house in with_new_tokens(houses, SECRET, NOW)] == homeowner_tokens(
        houses, SECRET, NOW
    )


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(homeowner_token(HOUSE, SECRET, NOW), SECRET[::-1], algorithms=["HS256"])


def test_a_token_says_when_it_expires() -> None:
    assert token_expiry(signed(NOW).jwt) == NOW.replace(microsecond=0) + LIFETIME


@pytest.mark.parametrize(
    "token",
    ["", "no-token", "a.b.c", jwt.encode({"role": "homeowner"}, SECRET), jwt.encode({"exp": 10**30}, SECRET)],
)
def test_what_is_not_a_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(LoadTestError, match="is not a JWT") as caught:
        token_expiry(token)
    assert "loadtest token" in caught.value.next_step
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("secret", [None, SecretStr("")])
def test_a_missing_secret_is_required_in_these_words_with_how_to_set_it(secret: SecretStr | None) -> None:
    with pytest.raises(LoadTestError) as caught:
        require_secret(secret)
    assert caught.value.message == "SESSION_SECRET environment variable is required"
    assert "export SESSION_SECRET=" in caught.value.next_step


def test_a_short_secret_is_refused_without_showing_it() -> None:
    with pytest.raises(LoadTestError, match="shorter than 32") as caught:
        require_secret(SecretStr(SECRET[:31]))
    assert SECRET[:31] not in str(caught.value)


def test_a_secret_of_32_characters_is_long_enough() -> None:
    assert require_secret(SecretStr(SECRET)) == SECRET


def refuse(houses: list[House], now: datetime, margin: timedelta) -> None:
    refuse_expiring(houses, [token_expiry(house.jwt) for house in houses], now, margin)


def test_a_token_that_expires_on_the_end_of_the_margin_counts_as_expiring() -> None:
    house = signed(NOW)
    expiry, hour = token_expiry(house.jwt), timedelta(hours=1)
    refuse([house], expiry - hour - timedelta(seconds=1), hour)
    with pytest.raises(LoadTestError, match="1 of 1 houses"):
        refuse([house], expiry - hour, hour)


def test_valid_tokens_pass() -> None:
    refuse([signed(NOW)], NOW, timedelta(hours=23))


def test_tokens_that_expire_during_the_run_are_counted_with_the_command_that_renews_them() -> None:
    houses = [signed(NOW + timedelta(hours=9), "LV-001"), signed(NOW, "LV-002"), signed(NOW, "LV-003")]
    with pytest.raises(LoadTestError) as caught:
        refuse(houses, NOW + timedelta(hours=23), timedelta(hours=2))
    assert "2 of 3 houses (LV-002 first) expire within 120 min" in caught.value.message
    assert "loadtest token" in caught.value.next_step


def test_expired_tokens_are_called_expired() -> None:
    with pytest.raises(LoadTestError, match=r"1 of 1 houses \(LV-001 first\) are expired"):
        refuse([signed(NOW)], NOW + LIFETIME, timedelta(0))

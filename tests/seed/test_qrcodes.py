from __future__ import annotations

import dataclasses
import json
import stat
from typing import TYPE_CHECKING

import pytest
import segno

from conf.answer import Answer
from conf.endpoint import Endpoint
from conf.errors import LoadTestError
from conf.loading import load_settings
from seed.fixture import House
from seed.qrcodes import onboarding_url, write_qr_codes

if TYPE_CHECKING:
    from pathlib import Path

HOUSE = House("house", "tenant", "slug", "development", "A", 1, "LV-001", "0aa8-token", "jwt")
OTHER = dataclasses.replace(
    HOUSE,
    house_id="other",
    house_number=2,
    lot="LV-002",
    qr_token="1bb9-token",  # noqa: S106 - of the tests
)


def url_of(house: House) -> str:
    page = Endpoint(method="GET", path="/onboarding/{qr_token}", answer=Answer(statuses=(200,)))
    return onboarding_url("http://127.0.0.1:5000/", page, house)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_summary_lists_house_token_url_and_file(tmp_path: Path) -> None:
    drawn: list[None] = []
    summary = write_qr_codes(tmp_path / "qr", [HOUSE, OTHER], url_of, lambda: drawn.append(None))
    assert summary == tmp_path / "qr" / "summary.json"
    entries = json.loads(summary.read_text())
    assert entries[0] == {
        "house": 1,
        "house_id": "house",
        "lot": "LV-001",
        "token": "0aa8-token",
        "onboarding_url": "http://127.0.0.1:5000/onboarding/0aa8-token",
        "file": "LV-001.png",
    }
    assert [entry["lot"] for entry in entries] == ["LV-001", "LV-002"]
    assert len(drawn) == 2


def test_a_code_leads_to_the_page_with_all_that_the_contract_puts_behind_it() -> None:
    page = load_settings({"target.contract": "portal-2025-12"}, environ={}).contract.onboarding_page
    house = dataclasses.replace(HOUSE, qr_token="a:b", own={"unit_uid": "LV-PARK-001"})  # noqa: S106 - of the tests
    url = onboarding_url("http://127.0.0.1:5000", page, house)
    assert url == "http://127.0.0.1:5000/homes/LV-PARK-001?token=a%3Ab"


def test_an_image_is_the_qr_code_of_its_onboarding_url(tmp_path: Path) -> None:
    write_qr_codes(tmp_path / "qr", [HOUSE, OTHER], url_of, lambda: None)
    expected = tmp_path / "expected.png"
    segno.make_qr(url_of(HOUSE), error="m").save(str(expected), scale=8)
    drawn = (tmp_path / "qr" / "LV-001.png").read_bytes()
    assert drawn == expected.read_bytes()
    assert drawn != (tmp_path / "qr" / "LV-002.png").read_bytes()


def test_only_the_owner_may_enter_the_directory_and_read_the_files(tmp_path: Path) -> None:
    write_qr_codes(tmp_path / "qr", [HOUSE], url_of, lambda: None)
    assert mode(tmp_path / "qr") == 0o700
    assert {mode(path) for path in (tmp_path / "qr").iterdir()} == {0o600}
    assert {path.name for path in (tmp_path / "qr").iterdir()} == {"LV-001.png", "summary.json"}


def test_a_directory_that_is_open_to_others_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "qr").mkdir(mode=0o755)
    with pytest.raises(LoadTestError, match="open to other users") as caught:
        write_qr_codes(tmp_path / "qr", [HOUSE], url_of, lambda: None)
    assert "chmod 700" in caught.value.next_step
    assert mode(tmp_path / "qr") == 0o755
    assert not list((tmp_path / "qr").iterdir())


@pytest.mark.parametrize(
    ("houses", "said"),
    [
        ([HOUSE, dataclasses.replace(OTHER, qr_token="")], "house LV-002 has no QR token"),
        ([HOUSE, dataclasses.replace(OTHER, lot="../LV")], "is no name for a file"),
        ([HOUSE, dataclasses.replace(OTHER, lot="LV-001")], "there are two"),
    ],
)
def test_nothing_is_drawn_when_one_house_cannot_be(tmp_path: Path, houses: list[House], said: str) -> None:
    with pytest.raises(LoadTestError, match=said):
        write_qr_codes(tmp_path / "qr", houses, url_of, lambda: None)
    assert not (tmp_path / "qr").exists()

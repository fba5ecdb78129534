from __future__ import annotations

import dataclasses
import json
import stat
from typing import TYPE_CHECKING

import msgpack
import pytest

from conf.errors import LoadTestError
from conf.template import PLACEHOLDERS
from seed.fixture import (
    House,
    find_house,
    load_fixture,
    pack_house,
    require_fields,
    unpack_house,
    write_fixture,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUSE = House(
    house_id="57e036e6-9421-5e73-a360-8137a5161424",
    tenant_id="99789d62-44db-5bc3-963d-c8ca64c0cf71",
    tenant_slug="longview-estates",
    development_id="1afee987-8a9d-5810-9078-32979cdc9c69",
    house_type="A",
    house_number=1,
    lot="LV-001",
    qr_token="the-qr-token",  # noqa: S106 - of the tests
    jwt="the-jwt",
)
NUMBERLESS = dataclasses.replace(HOUSE, lot="LV-002", house_type=None)


def line(**changes: object) -> str:
    return json.dumps(dataclasses.asdict(HOUSE) | changes)


def test_houses_come_back_as_they_were_written_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "houses.jsonl"
    assert write_fixture(path, iter([NUMBERLESS, HOUSE])) == 2
    assert load_fixture(path) == [NUMBERLESS, HOUSE]
    assert len(path.read_text().splitlines()) == 2


def test_a_house_keeps_the_fields_that_only_its_portal_has(tmp_path: Path) -> None:
    house = dataclasses.replace(HOUSE, own={"unit_uid": "LV-PARK-001"})
    write_fixture(tmp_path / "houses.jsonl", [house, HOUSE])
    assert load_fixture(tmp_path / "houses.jsonl") == [house, HOUSE]
    assert unpack_house(msgpack.loads(msgpack.dumps(pack_house(house)))) == house
    assert [house.value(name) for name in ("unit_uid", "lot", "colour")] == ["LV-PARK-001", "LV-001", ""]
    assert "LV-PARK-001" not in repr(house)
    assert NUMBERLESS.value("house_type") == ""


def test_a_house_may_lack_what_its_portal_has_no_need_of(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl"
    path.write_text('{"house_id": "u-1", "lot": "1", "own": {"unit_uid": "LV-PARK-001"}}\n' + line())
    houses = load_fixture(path)
    assert houses[0] == House("u-1", "", "", "", None, 0, "1", "", "", {"unit_uid": "LV-PARK-001"})
    require_fields(houses[:1], {"unit_uid": "chat", "house_id": "chat"}, path)
    with pytest.raises(LoadTestError, match=r"1 houses have no JWT \(1 first\), .* needs for chat") as caught:
        require_fields(houses, {"house_id": "chat", "jwt": "chat"}, path)
    assert caught.value.next_step == "Sign them: loadtest token"
    with pytest.raises(LoadTestError, match=r"1 houses have no unit_uid \(LV-001 first\)"):
        require_fields(houses, {"unit_uid": "onboarding_resolve"}, path)


def test_only_the_owner_may_read_the_fixture_even_where_an_open_one_was(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl"
    path.touch(mode=0o644)
    write_fixture(path, [HOUSE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failure_half_way_leaves_the_old_fixture_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl"
    write_fixture(path, [HOUSE])

    def breaking() -> Iterator[House]:
        yield NUMBERLESS
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        write_fixture(path, breaking())
    assert load_fixture(path) == [HOUSE]
    assert list(tmp_path.iterdir()) == [path]


def test_a_house_shows_no_credential() -> None:
    assert "the-qr-token" not in repr(HOUSE)
    assert "the-jwt" not in repr(HOUSE)


def test_a_house_fills_every_placeholder_but_the_question() -> None:
    assert PLACEHOLDERS - {"question"} <= {field.name for field in dataclasses.fields(House)}


def test_a_missing_fixture_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match="does not exist") as caught:
        load_fixture(tmp_path / "houses.jsonl")
    assert "loadtest seed" in caught.value.next_step


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_fixture_without_houses_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "houses.jsonl").write_text(content)
    with pytest.raises(LoadTestError, match="holds no houses"):
        load_fixture(tmp_path / "houses.jsonl")


def test_a_fixture_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match="cannot be read: Is a directory"):
        load_fixture(tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (line()[:-9], "is not a line of JSON"),
        ("[]", "is not a house"),
        ('"LV-001"', "is not a house"),
        (line(house_number="1"), "house_number is not what it should be"),
        (line(house_number=True), "house_number is not what it should be"),
        (line(house_type=1), "house_type is not what it should be"),
        (line(jwt=None), "jwt is not what it should be"),
        (line(own=["LV-PARK-001"]), "own is not what it should be"),
        (line(own={"unit_uid": 1}), "own.unit_uid is not what it should be"),
        (line(own={"unit_uid": "a\nb"}), "own.unit_uid is not what it should be"),
        (line(colour="red"), "colour is not a field"),
        (json.dumps({k: v for k, v in json.loads(line()).items() if k != "lot"}), "lot is missing"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number_without_its_content(
    tmp_path: Path, broken: str, said: str
) -> None:
    path = tmp_path / "houses.jsonl"
    path.write_text(f"{line()}\n{broken}\n")
    with pytest.raises(LoadTestError, match=said) as caught:
        load_fixture(path)
    assert caught.value.message.startswith(f"{path}:2: ")
    assert "the-jwt" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LoadTestError, match="cannot be written") as caught:
        write_fixture(tmp_path / "file" / "houses.jsonl", [HOUSE])
    assert caught.value.message.startswith(str(tmp_path / "file"))


def test_a_house_is_found_by_its_lot_and_an_unknown_lot_says_which_there_are() -> None:
    assert find_house([HOUSE, NUMBERLESS], "LV-002") is NUMBERLESS
    with pytest.raises(LoadTestError, match="no house has lot 'LV-2'") as caught:
        find_house([HOUSE, NUMBERLESS], "LV-2")
    assert "LV-001 to LV-002" in caught.value.next_step

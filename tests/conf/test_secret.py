from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.secret import read_secret
from swarm.web.login import Login

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse-battery-staple-and-then-some"  # noqa: S105 - of nobody


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


def problem_of(environ: dict[str, str]) -> str:
    with pytest.raises(LoadTestError) as caught:
        read_secret("SESSION_SECRET", environ)
    assert caught.value.next_step
    assert SECRET not in str(caught.value)
    return caught.value.message


def test_a_secret_comes_from_its_variable_or_from_the_file_that_the_other_one_names(file: Path) -> None:
    assert read_secret("SESSION_SECRET", {"SESSION_SECRET": SECRET}) == SECRET
    assert read_secret("SESSION_SECRET", {"SESSION_SECRET_FILE": str(file)}) == SECRET
    assert read_secret("SESSION_SECRET", {"SESSION_SECRET_FILE": str(file), "SESSION_SECRET": ""}) == SECRET
    assert read_secret("SESSION_SECRET", {"SESSION_SECRET_FILE": ""}) == ""


def test_both_variables_at_once_are_refused(file: Path) -> None:
    environ = {"SESSION_SECRET_FILE": str(file), "SESSION_SECRET": SECRET}
    assert problem_of(environ) == "SESSION_SECRET_FILE: SESSION_SECRET is set too"


@pytest.mark.parametrize(("content", "said"), [
    pytest.param(b"", "is empty", id="empty"),
    pytest.param(b"\n", "is empty", id="a line end alone"),
    pytest.param(f"{SECRET}\nb\n".encode(), "holds more than one line", id="two lines"),
    pytest.param(b"\xff" + SECRET.encode(), "is not text", id="bytes"),
])  # fmt: skip
def test_a_file_that_does_not_hold_one_secret_is_told_and_not_quoted(
    file: Path, content: bytes, said: str
) -> None:
    file.write_bytes(content)
    assert problem_of({"SESSION_SECRET_FILE": str(file)}) == f"SESSION_SECRET_FILE: {file} {said}"


def test_a_file_that_cannot_be_read_is_told_with_its_path(tmp_path: Path) -> None:
    missing = problem_of({"SESSION_SECRET_FILE": str(tmp_path / "none")})
    assert missing == f"SESSION_SECRET_FILE: {tmp_path / 'none'} cannot be read: No such file or directory"
    assert "Is a directory" in problem_of({"SESSION_SECRET_FILE": str(tmp_path)})


def test_the_settings_take_both_secrets_from_files(file: Path, tmp_path: Path) -> None:
    address = tmp_path / "address"
    address.write_text("postgresql://u@127.0.0.1/d\n")
    settings = load_settings(environ={"SESSION_SECRET_FILE": str(file), "DATABASE_URL_FILE": str(address)})
    assert settings.session_secret is not None
    assert settings.session_secret.get_secret_value() == SECRET
    assert settings.database.hosts == ["127.0.0.1"]


def test_mistakes_about_secrets_in_files_are_told_with_all_others(file: Path) -> None:
    environ: dict[str, Any] = {
        "SESSION_SECRET_FILE": "/nowhere",
        "DATABASE_URL_FILE": str(file),
        "LOADTEST_STRICT": "perhaps",
    }
    with pytest.raises(LoadTestError) as caught:
        load_settings(environ=environ)
    said = str(caught.value)
    assert "SESSION_SECRET_FILE: /nowhere cannot be read" in said
    assert "DATABASE_URL_FILE: is not an address like" in said
    assert "LOADTEST_STRICT: " in said
    assert SECRET not in said


def test_the_web_uis_password_may_be_in_a_file_too(file: Path) -> None:
    class Asked:
        host, web_login = "0.0.0.0", False  # noqa: S104 - listens nowhere

    environ = {"LOADTEST_WEB_USER": "engineer", "LOADTEST_WEB_PASSWORD_FILE": str(file)}
    login = Login.required(Asked(), environ)  # type: ignore[arg-type]
    assert login is not None
    assert login._is_right("engineer", SECRET)

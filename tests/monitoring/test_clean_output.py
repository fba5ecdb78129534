"""What a process writes for people: no secret of its own or of its portal's, and nothing that steers a terminal."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from rich.table import Table
from rich.text import Text

from conf.loading import load_settings
from conf.signed_token import SignatureEncoding
from monitoring.redaction.clean_console import CleanConsole
from monitoring.redaction.redact import redact
from seed.fixture import House
from seed.signed_tokens import sign_token

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
PAYLOAD = "eyJzdWIiOiJob3VzZS0xNyIsInRlbmFudCI6ImxvbmcifQ"
SIGNATURE = "dozjgNryP4J3jVmNHl0w5N_XgoL0n3I9PlFUP0THsR8"
JWT = f"{HEADER}.{PAYLOAD}.{SIGNATURE}"
QR = "4A1b2c3d-aaaa-4bbb-8ccc-1234567890ab"
PASSWORD = "p@ss/w'o\"rd: häßlich%20&so"  # noqa: S105 - of the tests
SECRET = "a-secret-of-these-tests-that-is-nowhere-else"  # noqa: S105 - likewise

BROKEN = {
    "one line": JWT,
    "a line end in the header": JWT[:20] + "\n" + JWT[20:],
    "before the first dot": HEADER + "\n." + PAYLOAD + "." + SIGNATURE,
    "behind the first dot": HEADER + ".\r\n" + PAYLOAD + "." + SIGNATURE,
    "in the payload": JWT[:60] + "\n" + JWT[60:],
    "in the signature": JWT[:-20] + "\n" + JWT[-20:],
    "as Python shows it": repr(JWT[:60] + "\n" + JWT[60:]),
    "as Python shows what it shows": repr(repr(JWT[:60] + "\r\n" + JWT[60:])),
    "in JSON": json.dumps({"message": JWT[:60] + "\n" + JWT[60:]}),
    "percent-encoded": quote(JWT[:60] + "\r\n" + JWT[60:], safe=""),
    "with dots encoded": JWT.replace(".", "%2E"),
    "quoted anew on each line": "\n".join(f'    "{line}"' for line in textwrap.wrap(JWT, 48)),
    "wrapped like mail": "\n".join(textwrap.wrap(JWT, 20)),
    "indented": "\n        ".join(textwrap.wrap(JWT, 40)),
    "with padding": f"{HEADER}==.{PAYLOAD}=.{SIGNATURE}=",
    "with a tab": JWT[:60] + "\t" + JWT[60:],
    "in a header": f"Authorization: Bearer {JWT}",
    "in an address": f"http://127.0.0.1/api?jwt={JWT}&x=1",
    "without its signature": f"{HEADER}.{PAYLOAD}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_of_a_jwt_nothing_is_left_however_it_is_broken_over_lines(text: str) -> None:
    shown = "".join(redact(f"refused: {text} (401)").split())
    for part in (HEADER, PAYLOAD, SIGNATURE):
        assert not [n for n in range(len(part) - 12) if part[n : n + 12] in shown], shown
    assert shown.startswith("refused:")


def test_words_behind_a_jwt_stay() -> None:
    shown = redact(f"{JWT} has expired\nSign new ones: loadtest token\nError: LV-001 of 20 Houses")
    assert shown == "[token] has expired\nSign new ones: loadtest token\nError: LV-001 of 20 Houses"


@pytest.mark.parametrize("contract", ["portal-2025-12", "portal-2026"])
@pytest.mark.parametrize("encoding", list(SignatureEncoding))
@pytest.mark.parametrize("keep_ids", [True, False])
def test_of_a_token_that_a_portal_signs_neither_nonce_nor_signature_is_left(
    contract: str,
    encoding: SignatureEncoding,
    keep_ids: bool,  # noqa: FBT001 - a case of the test
) -> None:
    token = load_settings({"target.contract": contract}, environ={}).contract.tokens["qr_token"]
    house = House(QR, QR, "slug", QR, None, 1, "PARK-1", "", "", {"unit_uid": "PARK-1", "project_id": QR})
    now = datetime(2025, 11, 15, tzinfo=UTC)
    signed = sign_token(
        token.model_copy(update={"encoding": encoding}), house, SECRET, now, "no-nonce-of-ours"
    )
    for text in (signed, quote(signed, safe="")):
        shown = redact(f"refused: {text} (401)", keep_ids=keep_ids)
        assert shown.endswith("[token] (401)")
        assert "nonce" not in shown
        assert signed[-12:] not in shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://portal:p@hush/w#o?rd:hush%20&so@127.0.0.1/portal",
        "postgresql://portal:hush-hush@x@127.0.0.1/portal",
        "postgres://:hush-hush@127.0.0.1",
        "POSTGRESQL+psycopg2://portal:hush-hush/@127.0.0.1",
        quote("postgresql://portal:hush-hush@127.0.0.1/portal", safe=""),
        "http://user:hush-hush@127.0.0.1/",
        "host=127.0.0.1 password=hush-hush",
        "password = 'hush-hush and more' host=x",
        'PASSWORD="hush-hush and \\" more"',
        "Authorization: Basic hush-hush",
        "authorization: hush-hush",
        "Cookie: homeowner_token=hush-hush; theme=hush-hush",
        "Set-Cookie: session=hush-hush; Path=/",
        "{'Cookie': 'a=hush-hush; b=hush-hush'}",
        "[(b'cookie', b'a=hush-hush')]",
        '{"authorization": "hush-hush"}',
        "b'GET / HTTP/1.1\\r\\nAuthorization: Digest hush-hush\\r\\n'",
        "Bearer hush-hush-hush",
        "bearer%20hush-hush-hush",
        "SESSION_SECRET=hush-hush",
        '{"qrToken": "hush-hush"}',
        "{'password': 'x\\'hush-hush'}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    shown = redact(text)
    assert "hush" not in shown
    assert "hidden" in shown or "token" in shown


@pytest.mark.parametrize(
    "text",
    [
        "SESSION_SECRET: is shorter than 32 characters",
        "conf/contracts/own.toml: contract.chat.headers.Cookie: is not a known key",
        "http://127.0.0.1:5000/api/health: the portal answered 503, write to me@example.org",
        "the bearer of this is a cookie, which is no secret",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "20261128T200759Z-chat",
        "95 % of 1,000 tokens",
    ],
)
def test_and_what_does_not_stays(text: str) -> None:
    assert redact(text) == text


def test_a_qr_token_is_hidden_and_the_id_of_a_house_only_where_no_log_of_the_suite_is_shown() -> None:
    assert QR not in redact(f"GET /onboarding/{QR}: 404, {QR.upper()}")
    assert redact(f"house {QR}", keep_ids=True) == f"house {QR}"


AGAINST_A_PATTERN = {
    "beginnings of JWTs": ("", "eyJ"),
    "a JWT and encoded spaces": ("eyJhbGciOi", "%20"),
    "a JWT and encoded spaces with letters": ("eyJhbGciOi", "%20%a"),
    "a JWT and escaped line ends": ("eyJhbGciOi", "\\na"),
    "a JWT and backslashes": ("eyJhbGciOi", "\\"),
    "a JWT, dots and spaces": ("eyJhbGciOi", ". " * 20),
    "JWTs and encoded spaces": ("", "-eyJhbGciOi%20%20"),
    "addresses of databases": ("", "postgres://"),
    "drivers of databases": ("", "postgres+"),
    "ports": ("://", ":"),
    "hosts": ("", "://a:b"),
    "a token that has no end": ('"token": "', "\\a"),
    "a token of backslashes": ("'jwt': '", "\\"),
    "tokens that have no end": ("", "token='\\'"),
    "words for secrets": ("", "token"),
    "quoted words for secrets": ("", "'token"),
    "headers": ("", "cookie: "),
    "a header and line ends": ("cookie:", "\n"),
    "kinds of tokens": ("", "bearer "),
    "ids": ("", "0a1b2c3d-"),
}
TIME_REDACTING = """
import json, sys
from time import process_time
from monitoring.redaction.redact import redact
def cost_s(text, times):
    began_s = process_time()
    for _ in range(times):
        redact(text)
    return process_time() - began_s
start, part = json.load(sys.stdin)
text = start + part * (1_000_000 // len(part))
print(cost_s(text[:10_000], 100), cost_s(text, 1))
"""
HANGING_S = 240.0


@pytest.mark.parametrize(("start", "part"), AGAINST_A_PATTERN.values(), ids=AGAINST_A_PATTERN)
def test_a_long_text_costs_as_much_as_its_parts_whatever_is_in_it(start: str, part: str) -> None:
    command = [sys.executable, "-c", TIME_REDACTING]
    told = subprocess.run(
        command,
        input=json.dumps([start, part]),
        check=True,
        timeout=HANGING_S,
        capture_output=True,
        text=True,
    )
    parts_s, whole_s = map(float, told.stdout.split())
    assert whole_s < 10 * parts_s  # where each part is compared with all that follow, a hundred times


@pytest.mark.parametrize("text", ['{"token": "hush-hush', "{'jwt': 'hush\\", '"token": "hush\\"'])
def test_a_secret_that_was_cut_off_is_hidden_too(text: str) -> None:
    assert "hush" not in redact(text)


def test_an_address_of_a_database_without_a_password_stays() -> None:
    assert redact("postgresql://portal/openhouse is one") == "postgresql://portal/openhouse is one"


WRITE_EVERYWHERE = r"""
import json, logging, os, sys, threading, warnings
from logging.handlers import RotatingFileHandler
early = logging.StreamHandler(sys.stderr)
from monitoring.redaction.clean_output import clean_output
clean_output()
texts = json.loads(sys.stdin.read())
logging.basicConfig(handlers=[early, logging.FileHandler("log.txt"), RotatingFileHandler("rotated.txt")], level="DEBUG")
for text in texts:
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.writelines([text, "\n"])
    logging.getLogger("x").warning("heard %s", text)
    try:
        try:
            raise ValueError(text)
        except ValueError as error:
            error.add_note(text)
            raise RuntimeError(b"x", {"y": text}) from error
    except RuntimeError:
        logging.getLogger("x").exception("broke: %r", text)
    warnings.warn(text)
    thread = threading.Thread(target=lambda: 1 / len(text[:0] and text) or int(text))
    thread.start(); thread.join()
    import gevent
    gevent.spawn(int, text).join()
raise SystemError(*texts)
"""


def test_nothing_that_a_process_writes_holds_its_secrets_or_escapes(tmp_path: Path) -> None:
    texts = [
        f"{form} \x1b[31mred\x1b]8;;http://evil\x07 \x9b2J \N{RIGHT-TO-LEFT OVERRIDE}abc"
        for form in (PASSWORD, quote(PASSWORD, safe=""), quote_plus(PASSWORD), JWT[:60] + "\n" + JWT[60:], SECRET, QR,
                     base64.b64encode(f"user:{SECRET}".encode()).decode(), "header-value-of-otel", "worker secret")
    ]  # fmt: skip
    environ = {
        "DATABASE_URL": f"postgresql://portal:{quote(PASSWORD, safe='')}@127.0.0.1/portal",
        "SESSION_SECRET": SECRET,
        "LOADTEST_WORKER_SECRET": "worker secret",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=header-value-of-otel",
        "PYTHONPATH": ":".join(sys.path),
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", WRITE_EVERYWHERE],
        input=json.dumps(texts), env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    written = [done.stdout, done.stderr, *(path.read_text() for path in tmp_path.glob("*.txt"))]
    assert len(written) == 4
    for text in written:
        assert "red" in text
        unbroken = "".join(text.split())
        hidden = ("lich", "pass/w", "p%40ss", PAYLOAD[20:], SIGNATURE[:20], SECRET, QR.lower(), "header-value", "workersecret",
                  base64.b64encode(f"user:{SECRET}".encode()).decode()[8:24])  # fmt: skip
        assert not [
            secret for secret in hidden if secret in unbroken.replace("ä", "a") or secret in text.lower()
        ]
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
    assert "SystemError" in done.stderr
    assert "ZeroDivisionError" in done.stderr or "TypeError" in done.stderr


def shown(content: object, width: int = 60) -> str:
    file = io.StringIO()
    CleanConsole(file=file, width=width, force_terminal=True, color_system=None).print(content)
    return file.getvalue()


def test_a_table_of_texts_from_outside_is_aligned_and_holds_no_markup() -> None:
    table = Table()
    for heading in ("House", "Said"):
        table.add_column(heading)
    table.add_row("\x1b[2J[red]LV-001[/red]", "[link=http://evil]click[/link]")
    table.add_row(Text("\x9b31m\u202eLV-002"), JWT)
    table.add_row(Text("\x1b[31mthree", style="bold"), ":smile: " + "word " * 12)
    text = shown(table)
    assert "[red]LV-001[/red]" in text
    assert "[link=http://evil]click[/link]" in text
    assert ":smile:" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "eyJ" not in text
    assert len({len(line) for line in text.splitlines()}) == 1


def test_a_text_that_is_wrapped_is_cleaned_before() -> None:
    assert PAYLOAD[:10] not in "".join(shown(Text(f"refused: {JWT}"), width=30).split())
    assert PAYLOAD[:10] not in "".join(shown(f"refused: {JWT}", width=30).split())


def test_styles_of_the_suites_own_stay() -> None:
    file = io.StringIO()
    CleanConsole(file=file, force_terminal=True, color_system="standard", _environ={}).print(
        Text("bad\x1b[0m", style="bold")
    )
    assert file.getvalue() == "\x1b[1mbad?[0m\x1b[0m\n"


def test_every_secret_of_the_environment_is_known_by_value_also_where_a_file_holds_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of-the-file-named-here\n")
    script = (
        "from monitoring.redaction.clean_output import clean_output; clean_output()\n"
        "import sys; [print(text) for text in sys.argv[1:]]"
    )
    texts = [
        "of-the-file-named-here",
        "web-password-1",
        "hushed",
        "a hushedb",
        "top",
        "sec/ret-part",
        "wo%72d-of-pg",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *texts],
        env={
            "SESSION_SECRET_FILE": str(tmp_path / "secret"),
            "LOADTEST_WEB_PASSWORD": "web-password-1",
            "PGPASSWORD": "hushed",
            "DATABASE_URL": "postgresql://u:top@sec/ret-part@wo%72d-of-pg@127.0.0.1/x",
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n") == [
        "[hidden]", "[hidden]", "[hidden]", "a hushedb", "top", "sec/[hidden]", "[hidden]", "",
    ]  # fmt: skip


def test_the_word_for_a_secret_in_advice_stays_and_a_secret_does_not() -> None:
    assert redact("export SESSION_SECRET=…") == "export SESSION_SECRET=…"
    makes_one = "export SESSION_SECRET=$(openssl rand -hex 32)"
    assert redact(makes_one) == makes_one
    assert redact("export SESSION_SECRET=$(openssl") == "export SESSION_SECRET=[hidden]"
    assert redact("export SESSION_SECRET=abc…") == "export SESSION_SECRET=[hidden]"

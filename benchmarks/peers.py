"""Load generators that one would pick instead: from the npm registry, at fixed versions, in a directory git does not see."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = {"autocannon": "9.0.0", "artillery": "2.0.34"}
DIRECTORY = Path(__file__).parent.parent / "build" / "peers"
QUIET = {
    "ARTILLERY_DISABLE_TELEMETRY": "true",
    "NO_UPDATE_NOTIFIER": "true",
    "npm_config_update_notifier": "false",
}
_INSTALL_S = 400.0
_DURATION_S = 120
"""At most; the benchmark stops them earlier."""


def installed() -> str:
    """Install what is not there yet; empty, or why it cannot be had."""
    if all(_version(name) == version for name, version in VERSIONS.items()):
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    flags = [
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        "--prefix",
        str(DIRECTORY),
    ]
    wanted = [f"{name}@{version}" for name, version in VERSIONS.items()]
    try:
        subprocess.run([npm, "install", *flags, *wanted], check=True, timeout=_INSTALL_S, capture_output=True)  # noqa: S603 - npm
    except (subprocess.SubprocessError, OSError) as error:
        return f"npm could not install them: {type(error).__name__}"
    return ""


def autocannon(url: str, users: int, request: Mapping[str, Any]) -> list[str]:
    """The command that posts with autocannon."""
    headers = [part for name, value in request["headers"].items() for part in ("-H", f"{name}={value}")]
    load = ["-c", str(users), "-d", str(_DURATION_S), "-m", "POST", "-b", request["body"]]
    return [
        _node(),
        str(DIRECTORY / "node_modules/autocannon/autocannon.js"),
        *load,
        *headers,
        url + request["path"],
    ]


def artillery(url: str, users: int, request: Mapping[str, Any], directory: Path) -> list[str]:
    """The command that posts with Artillery: so many users at once, each of whom posts until the end."""
    script = directory / "artillery.json"
    post = {"url": request["path"], "headers": request["headers"], "body": request["body"]}
    config = {
        "target": url,
        "http": {"timeout": 60},
        "phases": [{"duration": 1, "arrivalCount": users}],
    }
    scenario = {"flow": [{"loop": [{"post": post}], "count": 1_000_000}]}
    script.write_text(json.dumps({"config": config, "scenarios": [scenario]}), encoding="utf-8")
    return [_node(), str(DIRECTORY / "node_modules/artillery/bin/run"), "run", "--quiet", str(script)]


def _node() -> str:
    return shutil.which("node") or "node"


def _version(name: str) -> str:
    try:
        package = (DIRECTORY / "node_modules" / name / "package.json").read_text(encoding="utf-8")
    except OSError:
        return ""
    return str(json.loads(package)["version"])

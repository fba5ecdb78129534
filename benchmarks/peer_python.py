"""
Clients in Python that one would pick instead: from PyPI, at fixed versions, in an environment of their own that git does not see.

Of the two load testers only what their clients import is installed: all they ask for, PyTorch among it, is gigabytes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DIRECTORY = Path(__file__).parent.parent / "build" / "peers-python"
_LIBRARIES = ("httpx-sse==0.4.3", "httpx==0.28.1", "h2==4.4.1", "aiohttp==3.14.5", "uvloop==0.23.0")
_TESTERS = ("aiperf==0.13.0", "guidellm==0.8.1")
_IMPORTED = (
    "aiofiles", "culsans<0.11", "cyclopts<5", "jinja2", "loguru", "more-itertools", "msgspec", "numpy", "orjson", "psutil",
    "pydantic-settings", "pyyaml", "rich<15", "ruamel.yaml", "tqdm", "websockets",
)  # fmt: skip
_IMPORTS = {
    "httpx-sse": "httpx_sse",
    "aiohttp": "aiohttp",
    "aiperf": "aiperf.transports.aiohttp_client",
    "guidellm": "guidellm.backends.openai.http",
}
_INSTALL_S, _IMPORT_S = 400.0, 60.0


def interpreter() -> str:
    """Of the environment."""
    return str(DIRECTORY / "bin" / "python")


def missing() -> dict[str, str]:
    """Install what is not there yet; the clients that cannot be had, each with the reason."""
    if all(_imports(module) for module in _IMPORTS.values()):
        return {}
    try:
        subprocess.run([sys.executable, "-m", "venv", str(DIRECTORY)], check=True, capture_output=True)  # noqa: S603 - our own
    except subprocess.CalledProcessError:
        return dict.fromkeys(_IMPORTS, "an environment for them cannot be made")
    failed = _pip(*_LIBRARIES) or _pip("--no-deps", *_TESTERS) or _pip(*_IMPORTED)
    return {name: failed or "it does not load" for name, module in _IMPORTS.items() if not _imports(module)}


def versions() -> dict[str, str]:
    """Client → name and version."""
    pinned = dict(one.split("==") for one in (*_LIBRARIES, *_TESTERS))
    return {name: f"{name} {pinned[name]}" for name in _IMPORTS}


def _pip(*arguments: str) -> str:
    command = [interpreter(), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *arguments]
    try:
        subprocess.run(command, check=True, timeout=_INSTALL_S, capture_output=True)  # noqa: S603 - pip
    except (subprocess.SubprocessError, OSError) as error:
        return f"pip could not install them: {type(error).__name__}"
    return ""


def _imports(module: str) -> bool:
    command = [interpreter(), "-c", f"import {module}"]
    try:
        done = subprocess.run(command, timeout=_IMPORT_S, capture_output=True, check=False)  # noqa: S603 - as above
    except (subprocess.SubprocessError, OSError):
        return False
    return not done.returncode

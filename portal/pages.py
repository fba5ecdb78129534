"""The portal's pages, from ``templates/``."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def render(template: str, **values: object) -> HTMLResponse:
    """A page with *values* filled in."""
    return HTMLResponse(_pages.get_template(template).render(**values))

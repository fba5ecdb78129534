"""The base of all sections of the settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Ratio = float
"""A share, 0..1; each field adds its own bounds."""
LONGEST_WAIT_S = 86_400.0
"""Longest single wait that may be configured: a day."""


class SettingsSection(BaseModel):
    """A section of the settings: it cannot be changed, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

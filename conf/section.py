"""What all sections of the settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Ratio = float
"""0..1."""
LONGEST_WAIT_S = 86_400.0
"""Of any single wait: a day."""


class SettingsSection(BaseModel):
    """A section of the settings: fixed once it is read, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

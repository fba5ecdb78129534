"""How many users a run has, and how many it should have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locust.runners import LocalRunner, MasterRunner

    from conf.operations import Journey


@dataclass(slots=True)
class UserCounts:
    """The largest numbers of users in one run so far."""

    peak: int = 0
    """Most users at once."""
    wanted: int = 0
    """Most users that were asked for."""
    by_journey: Counter[Journey] = field(default_factory=Counter)
    """How Locust dealt the users to journeys when they were most."""

    def look(self, runner: LocalRunner | MasterRunner) -> None:
        """Note how many users *runner* has now."""
        self.peak = max(self.peak, runner.user_count)
        self.wanted = max(self.wanted, runner.target_user_count)
        dealt = runner.target_user_classes_count
        by_journey: Counter[Journey] = Counter()
        for user in runner.user_classes:
            if hasattr(user, "journey"):
                by_journey[user.journey] += dealt.get(user.__name__, 0)
        if by_journey.total() > self.by_journey.total():
            self.by_journey = by_journey

"""The owner's messages to the processes that make a run's load: their part, their share of the ceiling, the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seed.fixture import pack_house
from swarm.generator.ceiling import share_out
from swarm.messages import Begin, CeilingShare, StepBegins
from swarm.provenance import load_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarm.owner.run import Run


class Briefing:
    """
    Sends the messages of one run. Where this process makes the load itself, it gets them as a worker would.

    Args:
        run: The run that the processes take part in.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ceilings: dict[str, int] = {}
        """Process → how many requests it may send in a second."""

    def begin(self, processes: Sequence[str]) -> None:
        """Begin the run on these workers, or on this process, whose id is empty. Houses can be dealt from now on."""
        self._share_ceiling(processes)
        for share, process in enumerate(processes):
            self._tell_part(process, share=share, shares=len(processes))

    def join(self, process: str) -> None:
        """Let a worker join the run under way; planned arrivals stay with the processes that have them."""
        self._share_ceiling(list(dict.fromkeys([*self._ceilings, process])))
        self._tell_part(process, share=0, shares=0)

    def tell_step(self, step: int) -> None:
        """Have all processes count requests that start from now on for *step*."""
        self._send(StepBegins.TYPE, StepBegins(self._run.run_id, step).pack())

    def _share_ceiling(self, processes: Sequence[str]) -> None:
        """Share the ceiling among all processes that ever took part: one that seems gone may still send requests."""
        most = self._run.choice.settings.target.max_requests_per_second
        self._ceilings = dict(zip(processes, share_out(most, len(processes)), strict=True))
        for process, share in self._ceilings.items():
            self._send(CeilingShare.TYPE, CeilingShare(self._run.run_id, share).pack(), process)

    def _tell_part(self, process: str, *, share: int, shares: int) -> None:
        run, choice = self._run, self._run.choice
        begin = Begin(
            run.run_id,
            [pack_house(house) for house in run.dealer.known],
            run.questions.pack(),
            limited=choice.plan.limited,
            step=run.steps.current,
            share=share,
            shares=shares,
            ramp_s=choice.plan.ramp_s,
            ceiling=self._ceilings[process],
            journeys=list(choice.journeys),
            profile=choice.settings.run.profile,
            load=load_digest(choice.settings),
            over=run.ending.has_begun,
        )
        self._send(Begin.TYPE, begin.pack(), process)

    def _send(self, message_type: str, data: dict[str, Any], process: str = "") -> None:
        """Send a message to one process, or to all."""
        self._run.runner.send_message(message_type, data, process or None)

"""What the owner tells the processes that make a run's load: their part in it, their share of the ceiling, and the step."""

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
    Sends the messages of one run; where this process makes the load itself, it gets them as a worker would.

    Args:
        run: That the processes take part in.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ceilings: dict[str, int] = {}
        """Of each process that takes part, how many requests it may send in a second."""

    def begin(self, processes: Sequence[str]) -> None:
        """The houses can be dealt: the run begins for these workers, or for this process, whose id is empty."""
        self._share_ceiling(processes)
        for share, process in enumerate(processes):
            self._tell_part(process, share=share, shares=len(processes))

    def join(self, process: str) -> None:
        """A worker joins the run under way; planned arrivals stay with those that they were dealt to."""
        self._share_ceiling(list(dict.fromkeys([*self._ceilings, process])))
        self._tell_part(process, share=0, shares=0)

    def tell_step(self, step: int) -> None:
        """Requests that start from now on belong to *step*."""
        self._send(StepBegins.TYPE, StepBegins(self._run.run_id, step).pack())

    def _share_ceiling(self, processes: Sequence[str]) -> None:
        """All that ever took part share it, each once, for one that seems to have gone may still send requests."""
        most = self._run.choice.settings.target.max_requests_per_second
        self._ceilings = dict(zip(processes, share_out(most, len(processes)), strict=True))
        for process, share in self._ceilings.items():
            self._send(CeilingShare.TYPE, CeilingShare(self._run.run_id, share).pack(), process)

    def _tell_part(self, process: str, *, share: int, shares: int) -> None:
        run, choice = self._run, self._run.choice
        begin = Begin(
            run.run_id,
            [pack_house(house) for house in run.dealer.known],
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
        """To one process, or to all."""
        self._run.runner.send_message(message_type, data, process or None)

"""Homeowners who scan the QR code of their new house."""

from __future__ import annotations

from locust import task

from time import perf_counter

from conf.operations import Journey, Operation
from locustfiles._portal_user import PortalUser


class OnboardingUser(PortalUser):
    """Loads the onboarding page and resolves the token, as the page does: two steps, and the flow they make."""

    journey = Journey.ONBOARDING

    @task
    def scan(self) -> None:
        """One scan, by somebody whose browser holds no cookie yet."""
        contract, house = self.settings.contract, self.house
        self.client.cookiejar.clear()
        step, started = self.generator.step, perf_counter()
        failed = self.send(Operation.ONBOARDING_PAGE, contract.onboarding_page, house)
        if failed is None:
            failed = self.send(Operation.ONBOARDING_RESOLVE, contract.onboarding_resolve, house)
        self._fire("FLOW", Operation.ONBOARDING_FLOW, started, failed, step)

"""Homeowners who scan the QR code of their new house."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.portal_user import PortalUser


class OnboardingUser(PortalUser):
    """Loads the onboarding page, and resolves the token as the page would: two requests that make one flow."""

    journey = Journey.ONBOARDING

    @task
    def scan(self) -> None:
        """Scan a house that has not been scanned before, with a browser that has no cookies."""
        house = self.fresh_house()
        with self.flow(Operation.ONBOARDING_FLOW) as flow:
            self.cookies.forget()
            page = self.send(Operation.ONBOARDING_PAGE, house, flow).require()
            self.send(Operation.ONBOARDING_RESOLVE, house, flow, **page.given).require()

"""Homeowners who scan the QR code of their new house."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.portal_user import PortalUser


class OnboardingUser(PortalUser):
    """Loads the onboarding page and resolves the token, as the page does: two steps, and the flow they make."""

    journey = Journey.ONBOARDING

    @task
    def scan(self) -> None:
        """One scan of a house that has not been scanned before, by a browser that holds no cookie."""
        house = self.fresh_house()
        with self.flow(Operation.ONBOARDING_FLOW) as flow:
            self.cookies.forget()
            self.send(Operation.ONBOARDING_PAGE, house, flow).require()
            self.send(Operation.ONBOARDING_RESOLVE, house, flow).require()

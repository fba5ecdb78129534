"""Homeowners who scan the QR code of their new house."""

from __future__ import annotations

from locust import task
from locust.exception import StopUser

from conf.operations import Journey, Operation
from swarm.users.portal_user import PortalUser


class OnboardingUser(PortalUser):
    """Loads the onboarding page and resolves the token, as the page does: two steps, and the flow they make."""

    journey = Journey.ONBOARDING

    @task
    def scan(self) -> None:
        """One scan, in a house where nobody has scanned yet, by somebody whose browser holds no cookie."""
        contract, house = self.settings.contract, self.generator.houses.take_fresh()
        if house is None:
            raise StopUser  # the run ended while it waited
        context = self._begin_flow()
        self.cookies.forget()
        part = {"step": context["step"]}
        with self.attempt("FLOW", Operation.ONBOARDING_FLOW, context):
            self.send(Operation.ONBOARDING_PAGE, contract.onboarding_page, house, part).require()
            self.send(Operation.ONBOARDING_RESOLVE, contract.onboarding_resolve, house, part).require()

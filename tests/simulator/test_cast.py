"""Who works where: one coordinator, clinician and scheduler per pain service, a nurse per home team."""

from __future__ import annotations

from reliefpath.vocabulary import Role
from simulator.cast import Cast
from simulator.directory import HOME_EAST, HOME_WEST, ONCOLOGY, PAIN_CENTRE, PAIN_CLINIC
from simulator.network import SERVICES, Network
from stack.keys import Keys


async def test_everybody_has_the_role_and_the_place_that_their_part_needs(keys: Keys) -> None:
    async with Network({one: f"http://{one}.invalid" for one in SERVICES}, keys) as network:
        cast = Cast.of(network)
        assert set(cast.staff) == {PAIN_CLINIC, PAIN_CENTRE}
        assert set(cast.nurses) == {HOME_EAST, HOME_WEST}
        for code, staff in cast.staff.items():
            roles = [one.role for one in (staff.coordinator, staff.clinician, staff.scheduler)]
            assert roles == [Role.COORDINATOR, Role.CLINICIAN, Role.SCHEDULER]
            assert staff.clinician.subject == f"clinician-{code.lower()}"
        assert cast.referrer.subject == f"referrer-{ONCOLOGY.lower()}"
        assert cast.operator.role is Role.OPERATIONS

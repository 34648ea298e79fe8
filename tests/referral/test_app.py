"""The API as a whole: its routes are its tables' actions, and it says so."""

from __future__ import annotations

from referral.app import build
from referral.lifecycle import ATTENTION, COURSE, REFERRAL


def posts() -> set[str]:
    return {path for path, item in build().openapi()["paths"].items() if "post" in item}


def test_every_action_a_person_may_take_has_its_route_and_no_other_has() -> None:
    expected = {"/referrals", "/referrals/{referral}/courses", "/intake"}
    for lifecycle, path in ((REFERRAL, "/referrals"), (COURSE, "/courses"), (ATTENTION, "/attentions")):
        expected |= {f"{path}/{{id}}/{one.action}" for one in lifecycle.transitions if one.offered and one.sources}
    assert {path for path in posts() if not path.startswith(("/streams", "/development"))} == expected


def test_the_document_describes_bodies_and_refusals() -> None:
    document = build().openapi()
    accept = document["paths"]["/referrals/{id}/accept"]["post"]
    body = accept["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"urgency", "override_reason"}
    assert {"400", "401", "403", "404", "409", "412", "413", "415", "422", "428"} <= set(accept["responses"])
    assert "application/fhir+json" in document["paths"]["/intake"]["post"]["requestBody"]["content"]


def test_a_bundle_may_be_larger_than_other_bodies() -> None:
    assert build().state.larger_bodies == {"/intake": "intake_limit"}

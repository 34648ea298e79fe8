"""Triage: each person finds in their worklist what waits for them, and answers it."""

from __future__ import annotations

from typing import Any

import pytest

from reliefpath.vocabulary import Setting, facility_id
from simulator import triage
from simulator.bundles import IDENTIFIER_SYSTEM
from simulator.directory import PAIN_CENTRE, PAIN_CLINIC
from simulator.play import WentWrong
from tests.support.papers import JOURNEY, Papers, offers


async def test_a_referral_is_a_bundle_sent_to_intake_by_the_referrer() -> None:
    papers = Papers()
    papers.answers["/intake"] = lambda _: {"id": "r1", "referral": {"journey": JOURNEY}}
    case = papers.case()
    await triage.refer(case, PAIN_CLINIC)
    [sent] = papers.sent
    assert (sent.who, sent.query["to"], sent.query["setting"]) == ("referrer", PAIN_CLINIC, "outpatient")
    assert sent.body["resourceType"] == "Bundle"
    assert IDENTIFIER_SYSTEM in str(sent.body)
    assert (case.referral, case.journey) == ("r1", JOURNEY)


async def test_a_patient_in_hospital_is_referred_as_one_and_it_is_remembered() -> None:
    papers = Papers()
    papers.answers["/intake"] = lambda _: {"id": "r1", "referral": {"journey": JOURNEY}}
    case = papers.case()
    await triage.refer(case, PAIN_CENTRE, setting=Setting.HOSPITAL)
    assert papers.sent[0].query["setting"] == "hospital"
    assert (case.began, case.setting) == (Setting.HOSPITAL, Setting.HOSPITAL)


async def test_the_coordinator_receives_only_what_stands_in_the_worklist() -> None:
    papers = Papers({"/referrals/r": offers("receive")}, {"/referrals": [{"id": "another"}]})
    with pytest.raises(WentWrong, match="worklist"):
        await triage.receive(papers.case())
    papers.lists["/referrals"].append({"id": "r"})
    await triage.receive(papers.case())
    assert papers.actions() == [("coordinator", "receive")]


@pytest.mark.parametrize(("proposed", "taken"), [("urgent", "urgent"), (None, "soon")])
async def test_the_urgency_is_what_the_records_propose(proposed: str | None, taken: str) -> None:
    papers = Papers({"/referrals/r": offers("accept", proposal={"urgency": proposed})})
    await triage.accept(papers.case())
    assert papers.body("/accept") == {"urgency": taken}


async def test_who_declines_writes_what_to_do_instead() -> None:
    papers = Papers({"/referrals/r": offers("decline")})
    await triage.decline(papers.case())
    assert papers.actions() == [("clinician", "decline")]
    assert papers.body("/decline")["advice"]


async def test_the_referrer_answers_what_was_asked() -> None:
    papers = Papers({"/referrals/r": offers("supply-information", asked_items=["performance-status"])})
    papers.lists["/referrals"] = [{"id": "r"}]
    await triage.supply(papers.case())
    said = papers.body("/supply-information")
    assert said["items"] == ["performance-status"]
    assert [fact["kind"] for fact in said["facts"]] == ["ecog"]


async def redirected(parent: str) -> tuple[Papers, Any]:
    papers = Papers({"/referrals/r": offers("redirect"), "/referrals/child": offers(parent=parent)})
    to = {"id": str(facility_id(PAIN_CENTRE))}
    papers.lists["/referrals"] = [{"id": "child", "journey": JOURNEY, "to_facility": to}]
    case = papers.case()
    await triage.redirect(case, PAIN_CENTRE)
    return papers, case


async def test_after_a_redirection_the_larger_place_has_the_child() -> None:
    papers, case = await redirected("r")
    assert (case.at, case.referral) == (PAIN_CENTRE, "child")
    assert papers.body("/redirect")["to"] == PAIN_CENTRE


async def test_a_child_of_another_referral_is_not_the_one() -> None:
    with pytest.raises(WentWrong, match="parent"):
        await redirected("somebody else's")


async def test_an_attention_is_cleared_by_the_coordinator_who_was_told() -> None:
    attention = {"id": "a", "kind": "handover_timed_out", "state": "open"}
    papers = Papers({"/referrals/r": offers(attentions=[attention]), "/attentions/a": offers("clear")})
    await triage.clear(papers.case(), "handover_timed_out")
    assert papers.actions() == [("coordinator", "clear")]

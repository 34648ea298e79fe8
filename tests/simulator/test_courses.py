"""Courses: decided with the patient, authorised each by itself, judged as the answers suggest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reliefpath.vocabulary import CourseKind, Verdict
from simulator import courses
from simulator.people import Thing
from simulator.play import WentWrong
from tests.support.papers import BEGIN, Papers, offers, path_of

COURSE = Thing("referral", "course", "c")
TRIAL = Thing("followup", "trial", "t")


async def test_a_proposal_names_what_it_follows() -> None:
    papers = Papers()
    papers.answers["/referrals/r/courses"] = lambda _: {"id": "c"}
    case = papers.case()
    found = await courses.propose(case, CourseKind.TREATMENT, "IMPAR", Thing("referral", "course", "before"))
    assert found == COURSE
    assert papers.body("/courses") == {"kind": "treatment", "modality": "IMPAR", "follows": "before"}
    assert case.path == ["IMPAR"]


async def test_a_course_is_decided_by_patient_and_clinician_before_the_payer_is_asked() -> None:
    papers = Papers({path_of(COURSE): offers("agree", "submit-authorisation", "authorise", "request")})
    await courses.decide(papers.case(), COURSE)
    assert papers.actions() == [
        ("clinician", "agree"),
        ("coordinator", "submit-authorisation"),
        ("coordinator", "authorise"),
        ("coordinator", "request"),
    ]
    until = datetime.fromisoformat(papers.body("/authorise")["valid_until"])
    assert until == BEGIN + courses.AUTHORISED_FOR


async def test_every_course_of_a_patient_has_an_authorisation_of_its_own() -> None:
    papers = Papers({path_of(COURSE): offers("agree", "submit-authorisation", "authorise", "request")})
    papers.answers["/referrals/r/courses"] = lambda _: {"id": "c"}
    case = papers.case()
    for kind in CourseKind:
        await courses.decide(case, await courses.propose(case, kind, "IMPAR"))
    references = {one.body["reference"] for one in papers.sent if one.path.endswith("/authorise")}
    assert len(references) == 2


async def test_a_trial_is_judged_as_the_answers_suggest() -> None:
    papers = Papers(
        {path_of(TRIAL): offers("judge", suggestion={"verdict": "non_responder"}), path_of(COURSE): offers()}
    )
    papers.things[path_of(COURSE)]["state"] = "judged"
    case = papers.case()
    case.path = ["PNB trial"]
    assert await courses.give_verdict(case, COURSE, TRIAL) is Verdict.NON_RESPONDER
    assert papers.body("/judge") == {"verdict": "non_responder"}
    assert case.path == ["PNB trial: non_responder"]


async def test_nobody_asks_for_a_verdict_before_the_trial_is_over() -> None:
    ends_at = BEGIN + timedelta(days=7)
    papers = Papers({path_of(TRIAL): offers(state="awaiting_verdict")})
    papers.lists["/trials"] = [{"id": "t", "course": "c", "ends_at": ends_at.isoformat()}]
    case = papers.case()
    assert await courses.verdict_due(case, COURSE) == TRIAL
    assert case.now == ends_at


@pytest.mark.parametrize("due", [None, BEGIN.isoformat()])
async def test_a_treatment_is_judged_only_once_its_review_is_due(due: str | None) -> None:
    shown: dict[str, Any] = offers("judge", review_due_at=due, suggested="responder")
    papers = Papers({path_of(COURSE): shown})
    case = papers.case()
    case.path = ["IMPAR"]
    if due is None:
        with pytest.raises(WentWrong, match="review is due"):
            await courses.judge_treatment(case, COURSE)
    else:
        assert await courses.judge_treatment(case, COURSE) is Verdict.RESPONDER


async def test_an_assessment_holds_the_patients_own_scores() -> None:
    papers = Papers({"/referrals/r": offers("assess", "confer")})
    case = papers.case()
    await courses.record_assessment(case)
    said = papers.body("/assess")
    assert (said["average_pain"], said["personal_pain_goal"]) == (case.patient.average, case.patient.goal)
    assert papers.actions() == [("clinician", "assess"), ("coordinator", "confer")]

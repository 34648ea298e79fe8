"""The rulebook that is packaged, and what a rulebook refuses to be."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from reliefpath.record import BleedClass, Criterion, Figure, Measure, Medicines, Modality, Verification
from reliefpath.rulebook import InvalidRecords, Rulebook, Unapproved, UnknownRecord
from reliefpath.vocabulary import CourseKind, Profile, Urgency

RULEBOOK = Rulebook.load()

SOURCES = '[sources.paper]\ntitle = "A paper"\norganisation = "A journal"\nyear = 2020\n'
DEFAULTS = """
[defaults]
kind = "operation"
version = 1
status = "draft"
verification = "P"
effective_from = 2026-01-01
review_due = 2027-01-01
site_overridable = true
sources = [{ of = "paper", locator = "p. 1" }]
rationale = "Because."
"""
WAIT = '[[record]]\nid = "OPS-WAIT"\ntitle = "Waiting"\nwait = "1 d"\n'


def write(folder: Path, records: str, *, sources: str = SOURCES, defaults: str = DEFAULTS) -> Path:
    (folder / "sources.toml").write_text(sources)
    (folder / "waits.toml").write_text(defaults + records)
    return folder


def test_the_packaged_records_are_valid_and_loaded_once() -> None:
    assert Rulebook.load() is RULEBOOK
    assert len(RULEBOOK) > 100


def test_every_record_says_where_it_comes_from_and_how_far_that_was_verified() -> None:
    for record in RULEBOOK:
        assert record.source.title
        assert record.source.organisation
        assert record.verification in Verification
        assert record.rationale
        assert record.title


def test_every_modality_of_the_catalogue_is_there() -> None:
    assert set(RULEBOOK.modalities()) == {
        *("PNB", "CPB", "CPN", "SHP", "IMPAR", "LSB", "STELLATE", "EPI", "IT_TRIAL", "ITDD_EXT", "ITDD_PUMP"),
        *("NEUROLYSIS", "SCS", "DRG", "PNS", "VAUG", "RF", "CORD"),
    }


@pytest.mark.parametrize("code", ["SCS", "DRG", "SHP", "NEUROLYSIS", "RF", "ITDD_PUMP"])
def test_these_modalities_wait_for_a_judged_trial(code: str) -> None:
    modality = RULEBOOK.modalities()[code]
    assert modality.trial_first
    assert modality.trial.by
    assert modality.trial_waivable is (code == "ITDD_PUMP")


def test_an_intrathecal_trial_counts_as_the_trial_of_a_pump() -> None:
    assert "IT_TRIAL" in RULEBOOK.modalities()["ITDD_PUMP"].trial.by


def test_a_modality_asks_for_nothing_that_its_tier_cannot_do() -> None:
    tiers = RULEBOOK.tiers()
    for modality in RULEBOOK.of(Modality):
        assert set(modality.capabilities) <= tiers[modality.tier], modality.ref
    assert tiers["T1"] < tiers["T2"] < tiers["T3"] < tiers["T4"]


def test_every_treatment_has_its_contacts_and_every_needed_trial_too() -> None:
    for code, modality in RULEBOOK.modalities().items():
        if code != "IT_TRIAL":  # a trial of something else, never a treatment
            assert RULEBOOK.schedule(code, CourseKind.TREATMENT), code
        if modality.trial_first or modality.trial.needed == "itself":
            schedule = RULEBOOK.schedule(code, CourseKind.TRIAL)
            assert schedule is not None, code
            assert schedule.offsets(), code
            assert modality.trial.days is not None, code
    assert RULEBOOK.schedule("NO_SUCH_THING", CourseKind.TRIAL) is None


def test_the_six_escalation_criteria_are_proposals() -> None:
    assert [criterion.id for criterion in RULEBOOK.criteria()] == [f"ESC-{number}" for number in range(1, 7)]
    assert {criterion.verification for criterion in RULEBOOK.criteria()} == {Verification.PROPOSED}
    first = RULEBOOK.record("ESC-1", Criterion)
    assert (first.value, first.options, first.counts["readings"]) == (5, (4, 5, 7), 2)


def test_every_urgency_has_a_proposed_service_level() -> None:
    for urgency in Urgency:
        level = RULEBOOK.service_level(urgency)
        assert level.warn_at_percent == 75
    assessment = RULEBOOK.service_level(Urgency.ROUTINE).assessment
    assert assessment is not None
    assert assessment.longest == timedelta(days=14)
    with pytest.raises(UnknownRecord):
        RULEBOOK.service_level(Urgency.ROUTINE, "no-such-scheme")


def test_signs_of_urgency_come_with_the_most_urgent_first() -> None:
    assert [signs.urgency for signs in RULEBOOK.urgency_signs()] == [Urgency.EMERGENCY, Urgency.URGENT, Urgency.SOON]


def test_a_hold_is_found_by_drug_class_form_and_guideline() -> None:
    (warfarin,) = RULEBOOK.holds("warfarin", BleedClass.HIGH, guideline="asra-pain-2018")
    rule = warfarin.by_class[BleedClass.HIGH]
    assert rule.before is not None
    assert rule.before.shortest == timedelta(days=5)
    assert rule.needs == ("normal_inr",)
    forms = {hold.form for hold in RULEBOOK.holds("enoxaparin", guideline="asra-pain-2018")}
    assert forms == {"prophylactic", "therapeutic"}
    assert len(RULEBOOK.holds("enoxaparin", form="therapeutic", guideline="asra-pain-2018")) == 1


def test_guidelines_that_differ_stand_side_by_side() -> None:
    guidelines = {hold.guideline for hold in RULEBOOK.holds("apixaban", BleedClass.HIGH)}
    assert guidelines == {"asra-pain-2018", "asra-ra-2025"}


def test_a_drug_without_a_record_has_no_hold_rather_than_none_needed() -> None:
    assert RULEBOOK.holds("phenprocoumon") == ()


def test_rows_from_memory_are_graded_so() -> None:
    for drug in ("clopidogrel", "prasugrel", "ticagrelor", "dabigatran", "edoxaban", "fondaparinux"):
        assert all(hold.verification is Verification.MEMORY for hold in RULEBOOK.holds(drug)), drug


def test_the_equivalents_are_those_of_2022_and_buprenorphine_has_none() -> None:
    factors = RULEBOOK.mme_factors()
    assert {drug: factor.factor for drug, factor in factors.items()} == {
        "codeine": 0.15,
        "fentanyl": 2.4,
        "hydrocodone": 1.0,
        "hydromorphone": 5.0,
        "methadone": 4.7,
        "morphine": 1.0,
        "oxycodone": 1.5,
        "oxymorphone": 3.0,
        "tapentadol": 0.4,
        "tramadol": 0.2,
        "buprenorphine": None,
    }
    assert factors["fentanyl"].per == "ug/h"
    assert {factor.is_limit for factor in factors.values()} == {False}


def test_no_drug_and_no_code_is_recognised_as_two_things() -> None:
    members = [member for medicines in RULEBOOK.of(Medicines) for member in medicines.members]
    names = [name for member in members for name in member.names]
    assert len(names) == len(set(names))
    assert len(members) == len({member.code for member in members})
    codes = [code for measure in RULEBOOK.of(Measure) for code in measure.loinc]
    assert len(codes) == len(set(codes))


def test_grading_a_trial_follows_the_modality() -> None:
    assert RULEBOOK.response("SCS").responder_percent == 50
    assert RULEBOOK.response("IT_TRIAL").responder_percent == 20
    with pytest.raises(UnknownRecord):
        RULEBOOK.response("NO_SUCH_THING")


def test_a_missed_contact_is_tried_again_twice() -> None:
    missed = RULEBOOK.missed_contact()
    assert (missed.retries, missed.retry_after.shortest) == (2, timedelta(hours=24))


def test_an_operational_wait_is_only_ever_a_proposal() -> None:
    wait = RULEBOOK.operation("OPS-HANDOVER-ANSWER")
    assert wait.verification is Verification.PROPOSED
    assert wait.wait.longest == timedelta(hours=24)


def test_a_record_is_read_by_id_by_ref_and_by_kind() -> None:
    platelets = RULEBOOK["LAB-SIR2019-PLATELETS-HIGH"]
    assert RULEBOOK[platelets.ref] is platelets
    assert RULEBOOK.record(platelets.id, Figure).value == 50
    assert "ESC-1" in RULEBOOK
    assert "ESC-1@1" in RULEBOOK
    assert "ESC-9" not in RULEBOOK
    with pytest.raises(UnknownRecord):
        RULEBOOK["ESC-9"]
    with pytest.raises(UnknownRecord):
        RULEBOOK.record("ESC-1", Figure)
    assert RULEBOOK.terms("TERMS-CANCER").words["metastatic"]


def test_a_development_profile_accepts_drafts() -> None:
    RULEBOOK.refuse_unapproved(Profile.DEVELOPMENT)


def test_a_production_profile_names_every_record_nobody_approved() -> None:
    with pytest.raises(Unapproved) as refused:
        RULEBOOK.refuse_unapproved(Profile.PRODUCTION)
    assert len(refused.value.offending) == len(RULEBOOK)
    refs = dict(refused.value.offending)
    assert "verification P" in refs["ESC-1@1"]


def test_a_production_profile_accepts_what_somebody_approved(tmp_path: Path) -> None:
    approved = WAIT + 'status = "approved"\napproved_by = "dr-1"\n'
    Rulebook.load(write(tmp_path, approved)).refuse_unapproved(Profile.PRODUCTION)


def test_the_newest_version_that_is_not_retired_is_used_and_the_others_stay_readable(tmp_path: Path) -> None:
    versions = (
        WAIT
        + WAIT.replace("1 d", "2 d")
        + "version = 2\n"
        + WAIT.replace("1 d", "3 d")
        + 'version = 3\nstatus = "retired"\napproved_by = "dr-1"\n'
    )
    rulebook = Rulebook.load(write(tmp_path, versions))
    assert rulebook["OPS-WAIT"].ref == "OPS-WAIT@2"
    assert rulebook["OPS-WAIT@1"].version == 1
    assert rulebook["OPS-WAIT@3"].version == 3
    assert len(rulebook) == 1


def test_a_source_is_written_once_and_named_by_records(tmp_path: Path) -> None:
    source = Rulebook.load(write(tmp_path, WAIT))["OPS-WAIT"].source
    assert (source.title, source.year, source.locator) == ("A paper", 2020, "p. 1")


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("this is not toml")
    wrong = WAIT.replace("1 d", "a while") + WAIT.replace("OPS-WAIT", "OPS-OTHER") + 'sources = [{ of = "nowhere" }]\n'
    with pytest.raises(InvalidRecords) as refused:
        Rulebook.load(write(tmp_path, wrong))
    told = "\n".join(refused.value.problems)
    assert len(refused.value.problems) == 3
    assert "broken.toml" in told
    assert "a while" in told
    assert "nowhere" in told


def test_two_records_of_one_name_and_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecords, match="two of it"):
        Rulebook.load(write(tmp_path, WAIT + WAIT))


def test_a_record_that_refers_to_nothing_is_refused(tmp_path: Path) -> None:
    schedule = """[[record]]
kind = "schedule"
id = "CONTACTS-X"
title = "After X"
applies_to = ["NOT_THERE"]
courses = ["trial"]
contacts = [{ at = "1 d", channel = "phone", purpose = "effect" }]
"""
    with pytest.raises(InvalidRecords, match="no modality NOT_THERE"):
        Rulebook.load(write(tmp_path, schedule))


def test_an_empty_folder_is_no_rulebook(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecords, match="holds no records"):
        Rulebook.load(tmp_path)


def test_a_record_whose_review_is_overdue_is_named() -> None:
    assert RULEBOOK.overdue(date(2026, 12, 1)) == ()
    assert len(RULEBOOK.overdue(date(2030, 1, 1))) == len(RULEBOOK)

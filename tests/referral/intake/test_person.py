"""Whom a bundle is about, and whether they are alive."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from referral.intake import Intake, UnreadableBundle, read_bundle
from tests.support.bundles import PATIENT, RECEIVED, bundle, observation, pain, patient

DIED = observation("69453-9", None, id="death", at="2020-05-01", valueCodeableConcept={"text": "Cancer"})


def read(given: dict[str, Any], as_of: date | None = None) -> Intake:
    return read_bundle(given, as_of=as_of, received=RECEIVED)


def with_patient(*more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return bundle(patient(**fields), *more, with_patient=False)


def test_a_bundle_without_a_patient_is_refused() -> None:
    with pytest.raises(UnreadableBundle) as refused:
        read(bundle(pain(7, "2026-11-20"), with_patient=False))
    assert [reason.code for reason in refused.value.reasons] == ["no-patient"]


def test_a_bundle_of_two_patients_is_refused() -> None:
    with pytest.raises(UnreadableBundle) as refused:
        read(bundle(patient(id="another", birthDate="1960-01-01")))
    assert [reason.code for reason in refused.value.reasons] == ["several-patients"]


def test_the_same_patient_sent_twice_is_one() -> None:
    assert read(bundle(patient())).patient.source == f"Patient/{PATIENT}"


def test_a_patient_inside_another_resource_is_found() -> None:
    score = pain(7, "2026-11-20") | {"contained": [patient(id="p")], "subject": {"reference": "#p"}}
    found = read(bundle(score, with_patient=False))
    assert found.patient.birth_date == date(1950, 3, 4)
    assert [fact.value for fact in found.facts] == [7]


def test_who_the_patient_is_stands_apart_and_never_in_a_log() -> None:
    known = patient(
        identifier=[{"system": "urn:mrn", "value": "12345", "type": {"coding": [{"code": "MR"}]}}, {"value": ""}],
        telecom=[
            {"system": "phone", "value": "555-1"},
            {"system": "email", "value": "j@example.org"},
            {"system": "fax"},
        ],
        address=[{"line": ["1 Road"], "city": "Town", "postalCode": "0123", "country": "XX"}],
        communication=[{"language": {"coding": [{"code": "es"}]}}],
    )
    person = read(bundle(known, with_patient=False)).patient
    assert (person.identity.family, person.identity.given) == ("Doe", ("Jane", "Q"))
    assert [one.value for one in person.identity.identifiers] == ["12345"]
    assert person.identity.phones == ("555-1",)
    assert person.identity.emails == ("j@example.org",)
    assert person.identity.addresses[0].lines == ("1 Road",)
    assert (person.sex, person.language) == ("female", "es")
    for shown in (repr(person), str(person)):
        assert "Doe" not in shown
        assert "555-1" not in shown


def test_the_official_name_comes_before_others_and_a_former_one_never() -> None:
    names = [{"family": "Old", "period": {"end": "2000"}}, {"family": "Nick"}, {"use": "official", "family": "Right"}]
    assert read(with_patient(name=names)).patient.identity.family == "Right"
    assert read(with_patient(name=names[:2])).patient.identity.family == "Nick"
    assert read(with_patient(name=[])).patient.identity.family is None


def test_a_birth_date_that_is_only_a_year_is_not_made_up() -> None:
    person = read(with_patient(birthDate="1950")).patient
    assert person.birth_date is None
    assert person.identity.born == "1950"


@pytest.mark.parametrize(
    "fields", [{"deceasedDateTime": "2020-05-01"}, {"deceasedBoolean": True}, {"deceasedDateTime": "unreadable"}]
)
def test_a_person_recorded_as_deceased_is_refused_with_a_reason(fields: dict[str, Any]) -> None:
    found = read(with_patient(**fields))
    assert found.patient.deceased is not None
    assert [refusal.code for refusal in found.refusals] == ["patient-deceased"]


def test_a_person_recorded_as_alive_is_not_refused() -> None:
    assert read(with_patient(deceasedBoolean=False)).refusals == ()


def test_a_cause_of_death_is_a_death_whatever_the_patient_says() -> None:
    found = read(with_patient(DIED, deceasedBoolean=False))
    assert found.patient.deceased is not None
    assert found.patient.deceased.day == date(2020, 5, 1)


def test_a_death_after_the_day_of_reading_is_ignored_and_said_so() -> None:
    found = read(with_patient(DIED, deceasedDateTime="2020-05-01"), date(2020, 4, 30))
    assert found.patient.deceased is None
    assert found.refusals == ()
    assert {one.type: one.count for one in found.ignored} == {"Patient": 1, "Observation": 1}


def test_a_death_on_the_day_of_reading_is_a_death() -> None:
    assert read(with_patient(deceasedDateTime="2020-05-01T08:00:00Z"), date(2020, 5, 1)).refusals


def test_a_death_without_a_day_counts_unless_something_dated_shows_it_came_later() -> None:
    assert read(with_patient(deceasedBoolean=True), date(2020, 4, 30)).refusals
    assert read(with_patient(DIED, deceasedBoolean=True), date(2020, 4, 30)).refusals == ()


def test_nobody_is_referred_before_they_were_born() -> None:
    assert [one.code for one in read(bundle(), date(1949, 1, 1)).refusals] == ["patient-not-born"]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": f"Patient/{PATIENT}"},
        {"reference": f"urn:uuid:{PATIENT}"},
        {"reference": f"https://example.org/fhir/Patient/{PATIENT}/_history/3"},
        {"identifier": {"value": "12345"}},
        {"display": "the patient"},
        {},
    ],
)
def test_what_is_about_the_patient_is_read_however_it_says_so(subject: dict[str, Any]) -> None:
    known = patient(identifier=[{"value": "12345"}])
    found = read(bundle(known, pain(7, "2026-11-20") | {"subject": subject}, with_patient=False))
    assert len(found.facts) == 1


@pytest.mark.parametrize(
    "subject", [{"reference": "Patient/other"}, {"reference": "#child"}, {"identifier": {"value": "999"}}]
)
def test_what_is_about_somebody_else_is_not_taken_for_the_patients(subject: dict[str, Any]) -> None:
    found = read(bundle(pain(7, "2026-11-20") | {"subject": subject}))
    assert found.facts == ()
    assert [one.reason for one in found.not_understood] == ["about-somebody-else"]

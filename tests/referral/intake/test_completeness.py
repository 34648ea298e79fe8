"""What a referral still lacks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from referral.intake import Intake, read_bundle
from reliefpath.lifecycle import ReasonKind
from reliefpath.rulebook import Rulebook
from tests.support.bundles import (
    ICD_10,
    RECEIVED,
    bundle,
    complete,
    condition,
    medication,
    observation,
    pain,
)


def read(given: dict[str, Any], reason: str | None = "Pain despite morphine", as_of: date | None = None) -> Intake:
    return read_bundle(given, as_of=as_of, received=RECEIVED, reason=reason)


def lacks(given: dict[str, Any], reason: str | None = "Pain despite morphine", as_of: date | None = None) -> list[str]:
    return [finding.code for finding in read(given, reason, as_of).missing]


def without(*ids: str) -> dict[str, Any]:
    given = complete()
    given["entry"] = [entry for entry in given["entry"] if entry["resource"]["id"] not in ids]
    return given


def with_more(*resources: dict[str, Any]) -> dict[str, Any]:
    given = complete()
    given["entry"] += [{"resource": one} for one in resources]
    return given


def test_a_complete_bundle_lacks_only_a_prognosis_before_a_procedure() -> None:
    (finding,) = read(complete()).missing
    assert (finding.code, finding.advisory) == ("prognosis", True)


def test_an_empty_bundle_lacks_everything_and_says_how_to_satisfy_it() -> None:
    found = read(bundle(), reason=None).missing
    assert [finding.code for finding in found] == [
        *("reason", "cancer-diagnosis", "cancer-stage", "pain-score", "opioid-history", "performance-status"),
        *("prognosis", "platelets", "renal-function"),
    ]
    for finding in found:
        assert finding.kind is ReasonKind.INCOMPLETE
        assert finding.message
        assert finding.satisfy


def test_every_rule_that_is_named_is_a_record() -> None:
    rulebook = Rulebook.load()
    found = read(bundle(), reason=None).missing
    named = [rule for finding in found for rule in finding.rules]
    assert named
    assert all(rule in rulebook for rule in named)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_reason_of_nothing_is_no_reason(reason: str | None) -> None:
    assert "reason" in lacks(complete(), reason)


@pytest.mark.parametrize(
    ("taken_away", "code"),
    [
        (("c1",), "cancer-diagnosis"),
        (("c1",), "cancer-stage"),
        (("pain-2026-11-15", "pain-2026-11-21"), "pain-score"),
        (("pain-2026-11-15",), "pain-score-repeated"),
        (("pain-2026-11-21",), "pain-score-recent"),
        (("m1",), "opioid-history"),
        (("ecog",), "performance-status"),
        (("platelets",), "platelets"),
        (("egfr",), "renal-function"),
    ],
)
def test_what_is_taken_away_is_missed(taken_away: tuple[str, ...], code: str) -> None:
    assert code in lacks(without(*taken_away))


def test_a_pain_score_is_recent_by_the_record_and_the_day_of_reading() -> None:
    given = bundle(pain(7, "2020-01-01"), pain(7, "2020-01-20"))
    assert "pain-score-recent" in lacks(given)
    assert "pain-score-recent" not in lacks(given, as_of=date(2020, 1, 27))
    assert "pain-score-recent" in lacks(given, as_of=date(2020, 1, 28))


def test_a_cancer_that_is_over_is_told_apart_from_none() -> None:
    over = condition("Colon cancer", status="resolved", onsetDateTime="2010-01-01", abatementDateTime="2012-01-01")
    assert "cancer-diagnosis-current" in lacks(bundle(over))
    assert "cancer-diagnosis-current" not in lacks(bundle(over), as_of=date(2011, 1, 1))


@pytest.mark.parametrize("text", ["Neoplasm of prostate", "Carcinoma in situ of prostate"])
def test_a_tumour_that_nobody_calls_malignant_is_asked_about(text: str) -> None:
    assert "cancer-behaviour" in lacks(bundle(condition(text)))


def test_a_metastasis_stands_for_a_stage() -> None:
    assert "cancer-stage" not in lacks(bundle(condition(None, (ICD_10, "C79.51"))))


def test_opioids_of_the_past_are_told_apart_from_none_and_from_unknown() -> None:
    assert "opioid-current" in lacks(bundle(medication("Morphine 10 MG", status="stopped")))
    unknown = read(bundle(medication("Morphine 10 MG", status="stopped")), as_of=date(2026, 11, 10)).missing
    (finding,) = [one for one in unknown if one.code == "opioid-current"]
    assert "unknown" in finding.message


def test_an_opioid_without_a_dose_is_asked_about() -> None:
    assert "opioid-dose" in lacks(bundle(medication("Morphine 10 MG")))


def test_a_vitamin_k_antagonist_needs_an_inr() -> None:
    assert "inr" in lacks(with_more(medication("Warfarin 5 MG", id="w")))
    assert "inr" not in lacks(with_more(medication("Warfarin 5 MG", id="w"), observation("6301-6", 2.1, id="inr")))
    assert "inr" not in lacks(with_more(medication("Warfarin 5 MG", id="w", status="stopped")))


def test_an_antithrombotic_that_may_be_taken_is_asked_about() -> None:
    assert "antithrombotic-current" in lacks(with_more(medication("Clopidogrel 75 MG", id="p", status="on-hold")))


def test_during_chemotherapy_a_count_has_to_be_fresh() -> None:
    chemotherapy = medication("Cisplatin 50 MG Injection", id="chemo")
    assert "platelets-recent" not in lacks(with_more(chemotherapy))
    assert "platelets-recent" in lacks(with_more(chemotherapy), as_of=date(2026, 11, 24))
    assert "platelets-recent" not in lacks(complete(), as_of=date(2026, 11, 24))


def test_drugs_that_were_not_recognised_are_asked_about() -> None:
    (finding,) = [one for one in read(with_more(medication("Brandname 5 MG", id="b"))).missing if "drugs" in one.code]
    assert finding.message.startswith("1 drug")

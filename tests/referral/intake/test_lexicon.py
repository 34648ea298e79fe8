"""What the rulebook's words and codes recognise."""

from __future__ import annotations

import pytest

from referral.intake.elements import Coding, Concept
from referral.intake.lexicon import lexicon
from reliefpath.rulebook import Rulebook
from tests.support.bundles import LOINC, RXNORM

LEXICON = lexicon(Rulebook.load())


def named(text: str | None = None, *codes: tuple[str, str]) -> Concept:
    return Concept(tuple(Coding(system, code, None) for system, code in codes), text)


def test_a_lexicon_is_made_once_for_a_rulebook() -> None:
    assert lexicon(Rulebook.load()) is LEXICON


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("Warfarin Sodium 5 MG Oral Tablet", ["warfarin"]),
        ("Acetaminophen/Hydrocodone", ["hydrocodone", "paracetamol"]),
        ("oxyCODONE Hydrochloride 5 MG / naloxone 2.5 MG", ["naloxone", "oxycodone"]),
        ("Methylprednisolone 40 MG", ["methylprednisolone"]),
        ("methylnaltrexone", ["methylnaltrexone"]),
        ("Acetylsalicylic acid 100 mg", ["aspirin"]),
        ("Simvistatin 10 MG", []),
        ("morphinelike", []),
    ],
)
def test_a_drug_is_recognised_by_its_whole_name(text: str, drugs: list[str]) -> None:
    assert [drug.medicine.code for drug in LEXICON.drugs(named(text))] == drugs


def test_a_drug_is_recognised_by_its_ingredient_code() -> None:
    (drug,) = LEXICON.drugs(named("a local name", (RXNORM, "7052")))
    assert drug.medicine.code == "morphine"
    assert list(LEXICON.drugs(named("a local name", ("http://elsewhere", "7052")))) == []


def test_a_measure_is_recognised_by_code_before_words() -> None:
    platelets = LEXICON.measure(named("anything", (LOINC, "777-3")))
    assert platelets is not None
    assert platelets.fact == "platelets"
    assert LEXICON.measure(named("Platelets", (LOINC, "32623-1"))) is None


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ("Pain severity 0-10", "pain_score"),
        ("Worst pain in 24 hours", "pain_score"),
        ("NRS for pain", "pain_score"),
        ("Platelet count", "platelets"),
        ("Platelet mean volume", None),
        ("Creatinine", "creatinine"),
        ("Creatinine clearance in urine", None),
        ("ECOG performance status", "ecog"),
        ("INR", "inr"),
        ("Painting ability", None),
    ],
)
def test_a_measure_without_a_code_is_recognised_by_its_words(words: str, fact: str | None) -> None:
    measure = LEXICON.measure(named(words))
    assert (measure.fact if measure else None) == fact


def test_what_sounds_needed_but_is_not_recognised_is_a_hint() -> None:
    assert LEXICON.hints_at_a_measure(named("Pain interference", (LOINC, "77565-0")))
    assert not LEXICON.hints_at_a_measure(named("Body height"))

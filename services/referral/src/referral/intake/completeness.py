"""What a referral for refractory cancer pain still lacks, by the records, and whom nobody can refer.

Nothing that is missing keeps a referral from being sent. Findings that are advisory are needed only before a procedure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from referral.intake.facts import ANTITHROMBOTICS, Fact, FactKind, NotUnderstood, Patient
from reliefpath.lifecycle import Finding, ReasonKind
from reliefpath.record import Criterion, Figure, Record
from reliefpath.rulebook import Rulebook

Facts = tuple[Fact, ...]


def refusals(patient: Patient, day: date) -> Iterator[Finding]:
    """Why this person cannot be referred on this day."""
    if patient.deceased is not None:
        died = f"on {patient.deceased.day.isoformat()}" if patient.deceased.day else "on a day that is not recorded"
        yield Finding(
            code="patient-deceased",
            message=f"The record says that the patient died {died} ({patient.deceased.source}).",
            satisfy="Nobody can be referred after their death. If the record is wrong, have it corrected.",
        )
    if patient.birth_date is not None and patient.birth_date > day:
        yield Finding(
            code="patient-not-born",
            message=f"The record is read as of {day.isoformat()}, before the patient was born.",
            satisfy="Read it as of a later day.",
        )


def missing(
    facts: Facts, unknown: tuple[NotUnderstood, ...], day: date, rulebook: Rulebook, *, reason: bool
) -> tuple[Finding, ...]:
    """Everything the referral still lacks, in the order in which a referrer would look for it."""
    found = [
        *_reason(facts, reason),
        *_cancer(facts),
        *_pain(facts, day, rulebook),
        *_opioids(facts, rulebook),
        *_function(facts),
        *_bleeding(facts, day, rulebook),
        *_unknown_drugs(unknown),
    ]
    return tuple(found)


def _lacks(code: str, message: str, satisfy: str, *records: Record, before_a_procedure: bool = False) -> Finding:
    rules = tuple(record.ref for record in records)
    kind = ReasonKind.INCOMPLETE
    return Finding(code=code, message=message, satisfy=satisfy, kind=kind, rules=rules, advisory=before_a_procedure)


def _of(facts: Facts, *kinds: FactKind) -> list[Fact]:
    return [fact for fact in facts if fact.kind in kinds]


def _reason(facts: Facts, given: bool) -> Iterator[Finding]:
    if not given and not any(fact.extra.get("reasons") for fact in _of(facts, FactKind.REQUEST)):
        yield _lacks("reason", "Nobody says why the patient is referred.", "Give the reason for the referral.")


def _cancer(facts: Facts) -> Iterator[Finding]:
    diagnoses = _of(facts, FactKind.DIAGNOSIS)
    cancers = [fact for fact in diagnoses if fact.extra.get("cancer")]
    tumours = [fact for fact in diagnoses if fact.extra.get("behaviour") == "uncertain"]
    satisfy = "Send the diagnosis of cancer as a Condition, or say why the patient is referred without one."
    if not cancers and not tumours:
        yield _lacks("cancer-diagnosis", "No diagnosis of cancer is recorded.", satisfy)
    elif all(fact.current is False for fact in (*cancers, *tumours)):
        yield _lacks("cancer-diagnosis-current", "Every cancer in the record is recorded as over.", satisfy)
    elif not any(fact.extra.get("behaviour") in ("malignant", "metastatic") for fact in cancers):
        message = "A tumour is recorded, but nothing says that it is malignant."
        yield _lacks("cancer-behaviour", message, "Send the histology or the malignant diagnosis.")
    if not _of(facts, FactKind.STAGE, FactKind.METASTASIS):
        message = "No stage and no metastasis is recorded."
        yield _lacks(
            "cancer-stage", message, "Send the stage (Condition.stage or an Observation), or where it has spread."
        )


def _pain(facts: Facts, day: date, rulebook: Rulebook) -> Iterator[Finding]:
    often, recently = rulebook.record("ESC-1", Criterion), rulebook.record("ESC-4", Criterion)
    scores = [fact for fact in _of(facts, FactKind.PAIN_SCORE) if fact.day is not None]
    if not scores:
        yield _lacks("pain-score", "No pain score is recorded.", "Send a pain score from 0 to 10.", often)
        return
    last = scores[-1]
    window = recently.window
    if window is not None and last.day is not None and day - last.day > window.longest:
        message = f"The last pain score is of {last.day.isoformat()}, more than {window} before {day.isoformat()}."
        yield _lacks("pain-score-recent", message, "Send a pain score of these days.", recently)
    readings = often.counts.get("readings", 1)
    if len(scores) < readings:
        message = f"Only {len(scores)} pain score is recorded; {readings} readings are looked at."
        yield _lacks("pain-score-repeated", message, "Send the earlier pain scores too.", often)


def _opioids(facts: Facts, rulebook: Rulebook) -> Iterator[Finding]:
    optimised = rulebook.record("ESC-2", Criterion)
    opioids = _of(facts, FactKind.OPIOID)
    taken = [fact for fact in opioids if fact.current is not False]
    satisfy = "Send the opioids tried and taken, with their doses, or the reason why there were none."
    if not opioids:
        yield _lacks("opioid-history", "No opioid is recorded, neither now nor before.", satisfy, optimised)
    elif not taken:
        message = "Only opioids of the past are recorded."
        yield _lacks("opioid-current", message, "Send what is taken now, or why nothing is.", optimised)
    elif unclear := sorted({fact.drug or "" for fact in taken if fact.current is None}):
        message = f"It is unknown whether these are still taken: {', '.join(unclear)}."
        yield _lacks("opioid-current", message, "Say what is taken now.", optimised)
    if taken and not any(fact.value is not None for fact in taken):
        message = "No opioid has a dose from which an amount a day can be read."
        yield _lacks("opioid-dose", message, "Send dose and timing, with what is taken as needed.", optimised)


def _function(facts: Facts) -> Iterator[Finding]:
    if not _of(facts, FactKind.ECOG, FactKind.KPS, FactKind.AKPS):
        satisfy = "Send the ECOG or Karnofsky performance status."
        yield _lacks("performance-status", "No performance status is recorded.", satisfy)
    if not _of(facts, FactKind.PROGNOSIS):
        satisfy = "Send the clinician's own estimate of the prognosis, if there is one."
        yield _lacks("prognosis", "No prognosis is recorded.", satisfy, before_a_procedure=True)


def _bleeding(facts: Facts, day: date, rulebook: Rulebook) -> Iterator[Finding]:
    counted = _of(facts, FactKind.PLATELETS)
    threshold = rulebook.record("LAB-SIR2019-PLATELETS-HIGH", Figure)
    if not counted:
        satisfy = "Send a platelet count."
        yield _lacks("platelets", "No platelet count is recorded.", satisfy, threshold, before_a_procedure=True)
    else:
        yield from _stale(counted, facts, day, rulebook)
    if not _of(facts, FactKind.CREATININE, FactKind.EGFR):
        message = "No renal function is recorded."
        yield _lacks("renal-function", message, "Send creatinine or eGFR.", before_a_procedure=True)
    thinned = [fact for fact in _of(facts, *ANTITHROMBOTICS) if fact.current is not False]
    antagonists = [fact for fact in thinned if fact.extra.get("drug_class") == "vitamin_k_antagonist"]
    if antagonists and not _of(facts, FactKind.INR):
        normal = rulebook.record("LAB-ASRA-INR-NORMAL", Figure)
        message = "A vitamin K antagonist is recorded, but no INR."
        yield _lacks("inr", message, "Send the INR.", normal, before_a_procedure=True)
    unclear = sorted({fact.drug or "" for fact in thinned if fact.current is None})
    if unclear:
        message = f"It is unknown whether these are still taken: {', '.join(unclear)}."
        yield _lacks("antithrombotic-current", message, "Say whether each is still taken.")


def _stale(counted: list[Fact], facts: Facts, day: date, rulebook: Rulebook) -> Iterator[Finding]:
    treated = [fact for fact in _of(facts, FactKind.ANTICANCER) if fact.current is not False]
    if not any(fact.extra.get("drug_class") == "cytotoxic" for fact in treated):
        return
    freshness = rulebook.record("LAB-FRESHNESS-CHEMOTHERAPY", Figure)
    last = max((fact.day for fact in counted if fact.day is not None), default=None)
    if last is None or freshness.high is None or (day - last).days * 24 > freshness.high:
        message = f"During chemotherapy a count is wanted that is at most {freshness.high:g} {freshness.unit} old."
        yield _lacks("platelets-recent", message, "Send a new count.", freshness, before_a_procedure=True)


def _unknown_drugs(unknown: tuple[NotUnderstood, ...]) -> Iterator[Finding]:
    drugs = sorted({one.text or one.code or "" for one in unknown if one.reason == "drug-unknown"})
    if drugs:
        message = f"{len(drugs)} drugs were not recognised: any of them may hinder clotting or treat pain."
        yield _lacks("drugs-unrecognised", message, "Look at the list of what was not understood.")

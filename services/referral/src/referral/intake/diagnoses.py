"""Diagnoses: which are cancer, how far it has spread, and whether they held on the day of reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from referral.intake.bundle import Resource
from referral.intake.elements import Body, Concept, child, children, code_of, concept, text
from referral.intake.facts import Fact, FactKind
from referral.intake.lexicon import Lexicon, matches
from referral.intake.moments import moment, moments
from referral.intake.reading import Reading, fact

ICD_10: Final = "icd-10"
OVER: Final = frozenset({"resolved", "inactive", "remission"})
GOING_ON: Final = frozenset({"active", "recurrence", "relapse"})
NOT_SO: Final = frozenset({"refuted", "entered-in-error"})
UNSURE: Final = frozenset({"unconfirmed", "provisional", "differential"})

CANCEROUS: Final = {"metastatic": True, "malignant": True, "in_situ": True, "uncertain": None}
"""Whether a behaviour is cancer. A neoplasm of which nobody says whether it is malignant is unknown, not benign."""


def read_condition(resource: Resource, reading: Reading) -> Iterator[Fact]:
    """A diagnosis, and for a cancer its metastases and stages as facts of their own.

    extra: cancer (true, false, or absent when unknown), behaviour (metastatic, malignant, in_situ, uncertain, history),
    certainty (confirmed, suspected), cancer_pain, renal, clinical_status.
    """
    body = resource.body
    named = concept(body.get("code"))
    verification = code_of(body, "verificationStatus")
    if verification in NOT_SO:
        reading.remainder.not_used(resource.type, str(verification), named)
        return
    if not named:
        reading.remainder.not_understood(resource, "no-code")
        return
    current = _current(body, reading)
    behaviour = behaviour_of(named, reading.lexicon)
    suspected = verification in UNSURE or behaviour == "suspected"
    cancer = False if suspected else CANCEROUS.get(behaviour or "", False)
    extra: dict[str, JsonValue] = {
        "cancer": cancer,
        "behaviour": behaviour if behaviour in CANCEROUS or behaviour == "history" else None,
        "certainty": "suspected" if suspected else "confirmed",
        "cancer_pain": True if behaviour == "cancer_pain" else None,
        "renal": True if any(matches(reading.lexicon.renal, named.labels)) else None,
        "clinical_status": _status_then(body, current),
    }
    yield fact(FactKind.DIAGNOSIS, resource, "Condition.code", named, current=current, extra=extra)
    if behaviour in CANCEROUS and not suspected:
        if behaviour == "metastatic":
            yield fact(FactKind.METASTASIS, resource, "Condition.code", named, current=current)
        yield from _stages(resource, reading, named, current)


def behaviour_of(named: Concept, lexicon: Lexicon) -> str | None:
    """What a diagnosis says of a tumour: metastatic, malignant, in_situ, uncertain, history, suspected, cancer_pain.

    None when it says nothing of a tumour, or that there is none.
    Codes of ICD-10 are believed first; words are read in the order of the record, denials before anything else.
    """
    for code in named.codes(ICD_10):
        for behaviour, pattern in lexicon.cancer_codes.items():
            if pattern.match(code):
                return behaviour
    found = next(matches(lexicon.cancer_words, named.labels), None)
    if found in ("suspected", "history"):
        tumour = {"metastatic", "malignant", "in_situ", "uncertain"}
        return found if tumour & set(matches(lexicon.cancer_words, named.labels)) else None
    return None if found == "denied" else found


def stage_in(said: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """The stages written in some text, each as its sort (group or tnm) and as written, in upper case."""
    for sort, pattern in lexicon.stage.items():
        for found in pattern.finditer(said):
            written = next((group for group in found.groups() if group), None)
            if written:
                yield sort, written.upper().replace(" ", "") if sort == "tnm" else written.upper().strip()


def _stages(resource: Resource, reading: Reading, named: Concept, current: bool | None) -> Iterator[Fact]:
    seen = set()
    for label in named.labels:
        for sort, written in stage_in(label, reading.lexicon):
            if written not in seen:
                seen.add(written)
                yield fact(
                    *(FactKind.STAGE, resource, "Condition.code", named),
                    value=written,
                    current=current,
                    extra={"sort": sort},
                )
    for position, stage in enumerate(children(resource.body, "stage")):
        summary = concept(stage.get("summary"))
        if summary:
            yield fact(
                *(FactKind.STAGE, resource, f"Condition.stage[{position}].summary", summary),
                value=summary.label or summary.first.code,
                current=current,
                extra={"sort": concept(stage.get("type")).label or "group"},
            )
        elif stage:
            reading.remainder.not_understood(resource, "stage-without-summary", named)


def _status_then(body: Body, current: bool | None) -> str | None:
    """The status on the day of reading: what ended only later was still going on."""
    recorded = code_of(body, "clinicalStatus")
    return "active" if current and recorded in OVER else recorded


def _current(body: Body, reading: Reading) -> bool | None:
    ended = moment(body.get("abatementDateTime")) or moment(child(body, "abatementPeriod").get("end"))
    if ended is not None and ended.day <= reading.day:
        return False
    if reading.as_of and next(moments(body, "Condition"), None) is None:
        return None
    if ended is not None:
        return True
    status = code_of(body, "clinicalStatus")
    if status in OVER or body.get("abatementBoolean") is True or text(body.get("abatementString")):
        return None if reading.as_of else False
    return True if status in GOING_ON else None

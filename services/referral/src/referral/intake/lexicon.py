"""The rulebook's words and codes, made ready to be looked up: built once for each rulebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from referral.intake.elements import Concept, words
from reliefpath.record import Measure, Medicine, Medicines, Terms
from reliefpath.rulebook import Rulebook

LOINC: Final = "loinc"
RXNORM: Final = "rxnorm"

Groups = Mapping[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Drug:
    """One ingredient, with the class it belongs to and the name by which it was found."""

    medicine: Medicine
    medicines: Medicines
    name: str


@dataclass(frozen=True, eq=False)
class Lexicon:
    """What intake recognises."""

    drug_names: re.Pattern[str]
    drug_by_name: Mapping[str, Drug]
    drug_by_rxnorm: Mapping[str, Drug]
    measure_by_loinc: Mapping[str, Measure]
    measure_patterns: tuple[tuple[re.Pattern[str], Measure], ...]
    measure_hints: re.Pattern[str]
    cancer_words: Groups
    cancer_codes: Groups
    stage: Groups
    palliative: Groups
    procedures: Groups
    allergens: Groups
    renal: Groups

    def drugs(self, named: Concept) -> Iterator[Drug]:
        """The ingredients a medication is made of, each once, by RxNorm ingredient code or by name."""
        found: dict[str, Drug] = {}
        for code in named.codes(RXNORM):
            if code in self.drug_by_rxnorm:
                drug = self.drug_by_rxnorm[code]
                found.setdefault(drug.medicine.code, drug)
        for label in named.labels:
            for name in self.drug_names.findall(label):
                drug = self.drug_by_name[name]
                found.setdefault(drug.medicine.code, drug)
        yield from (found[code] for code in sorted(found))

    def measure(self, named: Concept) -> Measure | None:
        """What is measured: by LOINC code, or by words when there is no LOINC code."""
        codes = tuple(named.codes(LOINC))
        if codes:
            return next((self.measure_by_loinc[code] for code in codes if code in self.measure_by_loinc), None)
        for pattern, measure in self.measure_patterns:
            if any(pattern.search(label) for label in named.labels):
                return measure
        return None

    def hints_at_a_measure(self, named: Concept) -> bool:
        """Whether something unrecognised sounds like what a referral needs."""
        return any(self.measure_hints.search(label) for label in named.labels)


def matches(groups: Groups, labels: tuple[str, ...]) -> Iterator[str]:
    """The groups of which any expression is found in any of these texts, in the record's order."""
    for name, pattern in groups.items():
        if any(pattern.search(label) for label in labels):
            yield name


@lru_cache(maxsize=8)
def lexicon(rulebook: Rulebook) -> Lexicon:
    """The lexicon of a rulebook."""
    drugs = [
        Drug(medicine, medicines, name)
        for medicines in rulebook.medicines()
        for medicine in medicines.members
        for name in medicine.names
    ]
    names = sorted({words(drug.name) for drug in drugs}, key=len, reverse=True)
    measures = rulebook.measures()
    hints = [hint for measure in measures for hint in measure.hints]
    return Lexicon(
        drug_names=re.compile(rf"\b({'|'.join(map(re.escape, names)) or '(?!)'})\b"),
        drug_by_name={words(drug.name): drug for drug in drugs},
        drug_by_rxnorm={code: drug for drug in drugs for code in drug.medicine.rxnorm},
        measure_by_loinc={code.casefold(): measure for measure in measures for code in measure.loinc},
        measure_patterns=tuple((_any(measure.patterns), measure) for measure in measures if measure.patterns),
        measure_hints=_any(tuple(hints)),
        cancer_words=_words(rulebook.terms("TERMS-CANCER")),
        cancer_codes={name: _whole(codes) for name, codes in rulebook.terms("TERMS-CANCER").codes.items()},
        stage=_words(rulebook.terms("TERMS-STAGE")),
        palliative=_words(rulebook.terms("TERMS-PALLIATIVE")),
        procedures=_words(rulebook.terms("TERMS-PROCEDURES")),
        allergens=_words(rulebook.terms("TERMS-ALLERGENS")),
        renal=_words(rulebook.terms("TERMS-RENAL")),
    )


def _words(terms: Terms) -> Groups:
    return {name: _any(patterns) for name, patterns in terms.words.items()}


def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or "(?!)")


def _whole(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(patterns)})\\Z")

"""Whom a bundle is about: the one patient in it, who they are, and whether they are alive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from referral.intake.bundle import Contents, Reason, Resource, UnreadableBundle, names_of
from referral.intake.elements import Body, child, children, concept, resource_id, text, texts
from referral.intake.facts import Address, Deceased, Identifier, Identity, Patient
from referral.intake.moments import Moment, moment, moments
from referral.intake.reading import VOID, Reading, status

DEATH: Final = "death"
"""The measure that only the dead have."""

SEXES: Final = frozenset({"male", "female", "other", "unknown"})


def the_patient(contents: Contents) -> Resource:
    """The only patient in the bundle. Raises UnreadableBundle when there is none, or more than one."""
    found = [resource for resource in contents.resources if resource.type == "Patient"]
    if not found:
        found = list({held.source: held for held in _contained_patients(contents)}.values())
    if not found:
        raise UnreadableBundle([Reason("no-patient", "The bundle holds no Patient.", "/entry")])
    if len(found) > 1:
        several = f"The bundle holds {len(found)} patients; a referral is about one."
        raise UnreadableBundle([Reason("several-patients", several, "/entry")])
    return found[0]


def names_of_patient(resource: Resource) -> frozenset[str]:
    """Every reference that means the patient; empty when nothing in the bundle could refer to them."""
    held = (f"#{resource.id}",) if resource.container and resource.id else ()
    return frozenset((*names_of(resource), *held))


def identifier_values(resource: Resource) -> frozenset[str]:
    """Every identifier's value."""
    return frozenset(one.value for one in _identifiers(resource.body))


def read_patient(resource: Resource, deceased: Deceased | None) -> Patient:
    """Who the patient is."""
    body = resource.body
    born = text(body.get("birthDate"))
    birth = moment(born)
    sex = text(body.get("gender"))
    spoken = [concept(child(one, "language")) for one in children(body, "communication")]
    return Patient(
        source=resource.source,
        identity=_identity(body, born),
        birth_date=birth.day if birth and len(birth.written) >= len("2000-01-01") else None,
        sex=sex if sex in SEXES else None,
        language=next((one.first.code or one.label for one in spoken), None),
        deceased=deceased,
    )


def find_death(resource: Resource, reading: Reading) -> Deceased | None:
    """Whether the patient was dead on the day of reading.

    A record of a cause or time of death counts, whatever the patient's own entry says. A death without a day counts as
    a death, unless something dated shows that it came after the day of reading; that is noted as ignored.
    """
    found = list(_deaths(resource, reading))
    dated = sorted((death for death in found if death.when), key=lambda death: (death.order, death.source))
    if not found:
        return None
    first = dated[0] if dated else found[0]
    if first.when is None:
        return Deceased(day=None, at=None, source=first.source, path=first.path)
    if reading.as_of and first.when.day > reading.day:
        reading.remainder.ignored(resource.type)
        return None
    return Deceased(day=first.when.day, at=first.when.written, source=first.source, path=first.path)


@dataclass(frozen=True, slots=True)
class _Death:
    when: Moment | None
    source: str
    path: str

    @property
    def order(self) -> datetime:
        return self.when.order if self.when else datetime.max.replace(tzinfo=UTC)


def _deaths(resource: Resource, reading: Reading) -> Iterator[_Death]:
    said = resource.body.get("deceasedDateTime")
    if said is not None:
        yield _Death(moment(said), resource.source, "Patient.deceasedDateTime")
    elif resource.body.get("deceasedBoolean") in (True, "true"):
        yield _Death(None, resource.source, "Patient.deceasedBoolean")
    for one in reading.contents.resources:
        if one.type == "Observation" and status(one.body) not in VOID and reading.is_about_the_patient(one):
            measure = reading.lexicon.measure(concept(one.body.get("code")))
            if measure is not None and measure.fact == DEATH:
                yield _Death(next(moments(one.body, one.type), None), one.source, "Observation.code")


def _identity(body: Body, born: str | None) -> Identity:
    name = _name(body)
    contacts = children(body, "telecom")
    return Identity(
        family=text(name.get("family")),
        given=texts(name, "given"),
        name=text(name.get("text")),
        born=born,
        identifiers=tuple(_identifiers(body)),
        phones=_contacts(contacts, "phone", "sms"),
        emails=_contacts(contacts, "email"),
        addresses=tuple(
            Address(
                lines=texts(one, "line") or texts(one, "text"),
                city=text(one.get("city")),
                state=text(one.get("state")),
                postal_code=text(one.get("postalCode")),
                country=text(one.get("country")),
            )
            for one in children(body, "address")
        ),
    )


def _name(body: Body) -> Body:
    names = [one for one in children(body, "name") if "end" not in child(one, "period")]
    for use in ("official", "usual"):
        for name in names:
            if name.get("use") == use:
                return name
    return names[0] if names else {}


def _contacts(contacts: list[Body], *systems: str) -> tuple[str, ...]:
    found = (text(one.get("value")) for one in contacts if one.get("system") in systems)
    return tuple(value for value in found if value)


def _identifiers(body: Body) -> Iterator[Identifier]:
    for one in children(body, "identifier"):
        value = text(one.get("value"))
        if value:
            kind = concept(one.get("type"))
            yield Identifier(system=text(one.get("system")), value=value, type=kind.first.code or kind.label)


def _contained_patients(contents: Contents) -> Iterator[Resource]:
    for one in contents.resources:
        for held in children(one.body, "contained"):
            if held.get("resourceType") == "Patient":
                yield Resource("Patient", f"Patient/{resource_id(held) or one.source}", held, container=one)

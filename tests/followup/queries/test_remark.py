"""What people wrote about the things shown."""

from __future__ import annotations

from backbone.access import Principal
from backbone.rows import new_id
from followup.commands.remark import remark
from followup.queries.remark import remarks_on
from followup.tables import Trial
from reliefpath.vocabulary import Role
from tests.support.followup import Place


async def test_a_patient_reads_their_own_words_and_professionals_read_all(place: Place) -> None:
    row, journey = Trial(id=new_id(), journey=new_id(), state="running", course=new_id()), new_id()
    for role in (Role.PATIENT, Role.CLINICIAN):
        async with place.work(role) as uow:
            remark(uow, row, "complete", f"by a {role}")
    async with place.work() as uow:
        patient, nurse = Principal("p", Role.PATIENT, journey=journey), Principal("n", Role.HOME_NURSE)
        read = await remarks_on(uow, nurse, [row.id, new_id()])
        assert [(one.text, one.role) for one in read[row.id]] == [
            ("by a patient", "patient"),
            ("by a clinician", "clinician"),
        ]
        assert [one.text for one in (await remarks_on(uow, patient, [row.id]))[row.id]] == ["by a patient"]
        assert list(read) == [row.id]

"""Clinical pictures: what a synthetic patient suffers from, and which modalities a pain team would try, in which order.

They make stories plausible and decide nothing. What a modality needs, and when to look again, the services know from
their records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Picture:
    """One kind of cancer pain. `icd10` and `diagnosis` name the cancer, `pain` where it hurts.

    `trial` is what is tried first (None: nothing), `treatment` what is given when that helps, `next_trial` what is
    tried when it does not.
    """

    name: str
    icd10: str
    diagnosis: str
    pain: str
    treatment: str
    trial: str | None = None
    next_trial: str | None = None


PANCREAS: Final = Picture(
    name="pancreas",
    icd10="C25.9",
    diagnosis="Malignant neoplasm of pancreas, stage IV",
    pain="upper abdomen, through to the back",
    treatment="CPN",
    trial="CPB",
    next_trial="EPI",
)
RECTUM: Final = Picture(
    name="rectum",
    icd10="C20",
    diagnosis="Malignant neoplasm of rectum, stage IIIB",
    pain="perineum, when sitting",
    treatment="IMPAR",
    trial="IMPAR",
    next_trial="EPI",
)
CERVIX: Final = Picture(
    name="cervix",
    icd10="C53.9",
    diagnosis="Malignant neoplasm of cervix uteri, stage IIIB",
    pain="deep in the pelvis",
    treatment="SHP",
    trial="SHP",
    next_trial="IT_TRIAL",
)
CHEST_WALL: Final = Picture(
    name="chest wall",
    icd10="C34.9",
    diagnosis="Malignant neoplasm of bronchus and lung, stage IV",
    pain="one side of the chest, along the ribs",
    treatment="RF",
    trial="PNB",
    next_trial="EPI",
)
MESOTHELIOMA: Final = Picture(
    name="mesothelioma",
    icd10="C45.0",
    diagnosis="Mesothelioma of pleura, stage III",
    pain="one side of the body, below the shoulder",
    treatment="CORD",
)
VERTEBRA: Final = Picture(
    name="vertebra",
    icd10="C90.0",
    diagnosis="Multiple myeloma, stage III",
    pain="back, on standing up",
    treatment="VAUG",
)
DIFFUSE: Final = Picture(
    name="bones",
    icd10="C61",
    diagnosis="Malignant neoplasm of prostate, stage IVB",
    pain="several bones, both sides",
    treatment="ITDD_PUMP",
    trial="IT_TRIAL",
    next_trial="EPI",
)

PICTURES: Final = (PANCREAS, RECTUM, CERVIX, CHEST_WALL, MESOTHELIOMA, VERTEBRA, DIFFUSE)

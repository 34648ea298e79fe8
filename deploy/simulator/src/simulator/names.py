"""Names for people who do not exist, from lists of our own: nobody is called like this, and everybody can see it."""

from __future__ import annotations

import random
from typing import Final

GIVEN: Final[dict[str, tuple[str, ...]]] = {
    "female": ("Avomira", "Belisande", "Cordalia", "Delphora", "Elowene", "Fenicia", "Gisolde", "Hesperia", "Iluvia"),
    "male": ("Ambrosor", "Bertovald", "Corvinus", "Dagomir", "Eskander", "Fabrizor", "Godivar", "Hadrovin", "Isbrand"),
}
FAMILY_BEGINS: Final = ("Sample", "Phantom", "Mock", "Paper", "Example", "Trial", "Puppet", "Mirror", "Pattern")
FAMILY_ENDS: Final = ("wick", "stead", "thorpe", "hurst", "combe", "ley", "worth", "bourne")


def name_of(chance: random.Random, sex: str) -> tuple[str, str]:
    """A given and a family name."""
    return chance.choice(GIVEN[sex]), chance.choice(FAMILY_BEGINS) + chance.choice(FAMILY_ENDS)

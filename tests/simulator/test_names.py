"""Names that everybody can see are made up."""

from __future__ import annotations

import random

import pytest

from simulator.names import FAMILY_BEGINS, FAMILY_ENDS, GIVEN, name_of


@pytest.mark.parametrize("sex", sorted(GIVEN))
def test_a_name_is_put_together_from_our_own_lists(sex: str) -> None:
    given, family = name_of(random.Random(1), sex)
    assert given in GIVEN[sex]
    assert any(family == begin + end for begin in FAMILY_BEGINS for end in FAMILY_ENDS)


def test_every_family_name_says_that_it_is_no_real_one() -> None:
    assert all(begin[0].isupper() and begin.isalpha() for begin in FAMILY_BEGINS)
    assert {"Sample", "Phantom", "Mock", "Example"} <= set(FAMILY_BEGINS)

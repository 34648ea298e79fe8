"""What the API shows: nothing that says who a patient is."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from followup import schemas

SHOWN = [
    one
    for one in vars(schemas).values()
    if isinstance(one, type) and issubclass(one, BaseModel) and one.__module__ == schemas.__name__
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: one.__name__)
def test_every_thing_shown_says_what_it_is(shown: type[BaseModel]) -> None:
    assert shown.__doc__


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: one.__name__)
def test_nothing_shown_holds_an_identity(shown: type[BaseModel]) -> None:
    assert not {"name", "family", "given", "birth_date", "address", "phone", "identifiers"} & set(shown.model_fields)

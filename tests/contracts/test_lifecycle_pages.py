"""Each lifecycle's page shows every state, action and guard of its table."""

from __future__ import annotations

import pytest

from contracts.cards import lifecycles
from contracts.lifecycle_pages import page


@pytest.mark.parametrize("name", lifecycles())
def test_a_page_shows_every_state_action_and_guard(name: str) -> None:
    service, lifecycle = lifecycles()[name]
    told = page(service, lifecycle)
    for transition in lifecycle.transitions:
        assert f"| `{transition.action}` |" in told
        assert all(f"- `{guard.__name__}`: " in told for guard in transition.guards)
        assert all(f"../events/{event.type}.md" in told for event in transition.emits)
    assert all(state.value in told for state in lifecycle.states)

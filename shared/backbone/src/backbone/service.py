"""A service as its own code describes it: what it says and hears, and what it does about it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from backbone.deadlines import Handler
from backbone.hearing import Reaction
from backbone.settings import Settings
from reliefpath.events import Event, Speaker
from reliefpath.lifecycle import Lifecycle
from reliefpath.rulebook import Rulebook, Unapproved

ServiceName = Literal["referral", "scheduling", "followup", "operations"]
SERVICES: Final[tuple[str, ...]] = get_args(ServiceName)
"""The services there are, in the order in which they are shown, asked and given ports."""


@dataclass(frozen=True)
class Service:
    """A service's card: what it is called, what it says and hears, and what it does about it."""

    name: str
    title: str
    says: tuple[Speaker, ...] = ()
    hears: tuple[Speaker, ...] = ()
    lifecycles: tuple[Lifecycle, ...] = ()
    reactions: Mapping[type[Event], Reaction] = field(default_factory=dict)
    deadlines: Mapping[str, Handler] = field(default_factory=dict)
    read_models: Mapping[str, Mapping[type[Event], Reaction]] = field(default_factory=dict)
    """Tables that hold nothing but what the topics say, each with the reactions that rebuild it from them."""
    prepare: Callable[[Settings], None] | None = None
    """Called once before anything starts; raises LookupError with one sentence when the service must not start."""


def card_of(service: str) -> Service:
    """The card of the service of this name."""
    # By name: services stand on backbone, which imports none of them; and a process loads no service but its own.
    card: Service = importlib.import_module(f"{service}.card").SERVICE
    return card


def approved_records(settings: Settings) -> None:
    """Raise LookupError, naming every clinical record that nobody approved, in a production profile."""
    try:
        Rulebook.load().refuse_unapproved(settings.profile)
    except Unapproved as unapproved:
        raise LookupError(str(unapproved)) from None


def lifecycle_table(lifecycle: Lifecycle) -> dict[str, Any]:
    """A lifecycle as data."""
    return {
        "name": lifecycle.name,
        "states": [state.value for state in lifecycle.states],
        "terminal": sorted(lifecycle.terminal),
        "transitions": [
            {
                "action": one.action,
                "label": one.label,
                "from": sorted(one.sources),
                "to": one.target.value,
                "by": sorted(one.by),
                "side": one.side,
                "says": [event.type for event in one.emits],
                "guards": [getattr(guard, "__name__", "") for guard in one.guards],
            }
            for one in lifecycle.transitions
        ],
    }

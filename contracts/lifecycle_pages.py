"""A readable page with a diagram per lifecycle."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.cards import GENERATED, one_line
from reliefpath.lifecycle import Lifecycle


def page(service: str, lifecycle: Lifecycle) -> str:
    """Its diagram, its table, and its guards in their own words."""
    return "\n".join(_page(service, lifecycle)).rstrip() + "\n"


def _page(service: str, lifecycle: Lifecycle) -> Iterator[str]:
    yield GENERATED
    yield f"# {lifecycle.name}"
    yield ""
    yield f"One table in the {service} service; routes, allowed actions, database checks and this page are read off it."
    yield ""
    yield "```mermaid"
    yield lifecycle.diagram()
    yield "```"
    yield ""
    yield "| action | from | to | by | says | guards |"
    yield "|---|---|---|---|---|---|"
    for one in lifecycle.transitions:
        sources = ", ".join(sorted(one.sources)) or "(new)"
        by = ", ".join(sorted(one.by)) + (f" of the {one.side}" if one.side else "")
        says = ", ".join(f"[{event.__name__}](../events/{event.type}.md)" for event in one.emits)
        guards = ", ".join(f"`{getattr(guard, '__name__', '')}`" for guard in one.guards)
        yield f"| `{one.action}` | {sources} | {one.target} | {by} | {says} | {guards} |"
    yield ""
    guards_used = {guard for one in lifecycle.transitions for guard in one.guards}
    for guard in sorted(guards_used, key=lambda one: getattr(one, "__name__", "")):
        yield f"- `{getattr(guard, '__name__', '')}`: {one_line(guard.__doc__)}"

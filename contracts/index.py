"""The first page: what there is, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backbone.service import SERVICES, card_of
from contracts.cards import GENERATED, events, heard_by, lifecycles, one_line
from contracts.topics import PROMISES
from reliefpath.events import Speaker, topic_of

ABOUT: Final = """\
What those outside may rely on. Every file here is written by `make contracts` from the code that runs, except
[examples](examples/), which are written by hand, or recorded, and played by the tests on the services themselves, and
[released](released/), against which `make check` holds what is written here: within `v1` nothing that a reader or a
caller relies on goes away. How to use them: [docs/integrators.md](../docs/integrators.md)."""

EXAMPLES: Final = """\
Requests and answers have examples: steps of [stories](examples/stories/), and what they were answered, whole, when they
were played ([answers](examples/answers/)). An answer has the name of its request. A problem is shown as it was met in a
story of this service or, as it is the same there, of another; one that no story meets has nothing but its title."""


def page() -> str:
    """The index."""
    return "\n".join(_page()).rstrip() + "\n"


def _page() -> Iterator[str]:
    yield GENERATED
    yield "# Contracts"
    yield ""
    yield ABOUT
    yield ""
    yield "## APIs"
    yield ""
    for service in SERVICES:
        yield f"- {card_of(service).title}: [openapi/{service}.json](openapi/{service}.json) (OpenAPI 3.1)"
    yield ""
    yield EXAMPLES
    yield ""
    yield "Every code that a reason may have, and who gives it: [reasons.json](reasons.json)."
    yield ""
    yield "## Topics"
    yield ""
    yield PROMISES
    yield ""
    yield "All of it as AsyncAPI 3.0: [asyncapi.json](asyncapi.json)."
    for speaker in Speaker:
        yield ""
        yield f"### `{topic_of(speaker)}`"
        yield ""
        yield "| event | what has happened | heard by |"
        yield "|---|---|---|"
        for event in events():
            if event.speaker is speaker:
                link = f"[{event.__name__}](events/{event.type}.md)"
                yield f"| {link} | {one_line(event.__doc__)} | {', '.join(heard_by(event))} |"
    yield ""
    yield "## Lifecycles"
    yield ""
    for name, (service, _) in lifecycles().items():
        yield f"- [{name}](lifecycles/{name}.md) of the {service} service ([as data](lifecycles/{name}.json))"

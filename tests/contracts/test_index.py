"""The first page leads to every contract there is."""

from __future__ import annotations

import re

from backbone.service import SERVICES
from contracts.cards import HERE, lifecycles
from contracts.index import page
from reliefpath.events import CATALOGUE


def test_it_leads_to_everything_and_nowhere_else() -> None:
    links = set(re.findall(r"\]\(([^)]+)\)", page()))
    wanted = {f"openapi/{service}.json" for service in SERVICES} | {f"events/{type_}.md" for type_ in CATALOGUE}
    wanted |= {f"lifecycles/{name}.md" for name in lifecycles()} | {
        "asyncapi.json",
        "reasons.json",
        "examples/",
        "released/",
    }
    assert wanted <= links
    assert [link for link in links if not (HERE / link).exists()] == []

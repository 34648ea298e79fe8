"""Why a command ended otherwise than well, and the exit code that says so."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

FOUND: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3


class Failure(Exception):
    """One sentence for the person at the terminal, and an exit code."""

    def __init__(self, sentence: str, exit_code: int = FOUND) -> None:
        self.exit_code = exit_code
        super().__init__(sentence)


class Unreachable(Failure):
    """Somebody does not answer."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, UNREACHABLE)


class Refused(Failure):
    """A problem document that an API answered with."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        super().__init__("\n".join([self.headline, *self.reasons]))

    @property
    def headline(self) -> str:
        """What was refused."""
        title = self.problem.get("title") or "The request is refused"
        detail = self.problem.get("detail")
        return f"refused ({self.status}): {title}" + (f". {detail}" if detail else "")

    @property
    def reasons(self) -> list[str]:
        """Every reason, each with what would satisfy it."""
        found = self.problem.get("errors")
        return [_reason(one) for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _reason(reason: Mapping[str, Any]) -> str:
    satisfy = reason.get("satisfy")
    rules = " ".join(str(rule) for rule in reason.get("rules") or ())
    told = f"  · {reason.get('message') or reason.get('code')}"
    return told + (f" {satisfy}" if satisfy else "") + (f" [{rules}]" if rules else "")


class Commands(TyperGroup):
    """A group of commands whose failures are told in a sentence, never as a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # Typer's own class of the context
        """Do the command; tell a failure on standard error and end with its code."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            sys.stderr.write(f"reliefpath: {failure}\n")
            raise typer.Exit(failure.exit_code) from None

"""What an attention is decided by: its state, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class AttentionFacts:
    """Somebody still has to look, or not."""

    state: StrEnum
    returns_to: StrEnum | None = None

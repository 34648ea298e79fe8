"""The body of an intake: its media type, its encoding, and reading it where it does not hold up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Final

from fastapi import Request

from backbone.edge import too_large
from backbone.problems import Malformed, Reason, WrongMediaType
from referral.intake import Intake, TooLarge, UnreadableBundle, gunzip_bounded, read_bundle
from referral.intake import Reason as BundleReason

MEDIA_TYPES: Final = frozenset({"application/fhir+json", "application/json"})
GZIP: Final = b"\x1f\x8b"
NOT_READABLE_AT_ALL: Final = frozenset({"not-json", "not-gzip", "too-deep"})

READERS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="intake")
"""Bundles are read beside the event loop, two at once: more would only make each other and everybody else wait."""


def check_media(request: Request) -> None:
    """Raise WrongMediaType unless the body is FHIR JSON, plain or gzipped."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    reasons = []
    if media not in MEDIA_TYPES:
        reasons.append(
            Reason(
                code="media-type",
                message=f"The Content-Type is {media[:80] or 'missing'}.",
                satisfy="Send application/fhir+json.",
            )
        )
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        reasons.append(
            Reason(
                code="content-encoding",
                message=f"The Content-Encoding {encoding[:80]} is not read here.",
                satisfy="Send gzip or no encoding.",
            )
        )
    if reasons:
        raise WrongMediaType("Send a FHIR bundle as JSON, plain or gzipped.", reasons)


async def read(
    raw: bytes, limit: int, *, as_of: date | None, received: datetime, reason: str
) -> tuple[Intake | None, list[Reason]]:
    """What a bundle says, and every reason why it opens no referral.

    `limit` bounds the unpacked body in bytes. Raises TooLargeBody, and Malformed for what is no JSON at all.
    """

    def work() -> Intake:
        return read_bundle(unpacked(raw, limit), as_of=as_of, received=received, reason=reason)

    try:
        intake = await _beside_the_loop(work)
    except TooLarge:
        raise too_large(limit) from None
    except UnreadableBundle as unreadable:
        reasons = [_reason(one) for one in unreadable.reasons]
        if any(one.code in NOT_READABLE_AT_ALL for one in unreadable.reasons):
            raise Malformed("The bundle cannot be read.", reasons) from None
        return None, reasons
    return intake, [Reason(code=one.code, message=one.message, satisfy=one.satisfy) for one in intake.refusals]


def unpacked(raw: bytes, limit: int) -> bytes:
    """The body as JSON text; gzip is told by its first bytes, with which no JSON begins. Raises TooLarge."""
    return b"".join(gunzip_bounded([raw], limit)) if raw.startswith(GZIP) else raw


async def _beside_the_loop(work: Callable[[], Intake]) -> Intake:
    return await asyncio.get_running_loop().run_in_executor(READERS, work)


def _reason(one: BundleReason) -> Reason:
    return Reason(code=one.code, message=one.message, pointer=one.pointer or None)

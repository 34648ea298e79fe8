"""The body of an intake, before anything is made of it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from backbone.problems import Malformed, TooLargeBody
from referral.intake import TooLarge
from referral.routes.bundle import read, unpacked
from tests.support import bundles

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_plain_and_gzipped_bodies_come_out_the_same() -> None:
    body = bundles.raw(bundles.bundle())
    assert unpacked(body, 100_000) == unpacked(gzip.compress(body), 100_000) == body


def test_unpacking_stops_at_the_limit() -> None:
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b" " * 10_000), 9_999)
    assert len(unpacked(gzip.compress(b" " * 10_000), 10_000)) == 10_000


async def test_a_bundle_is_read_into_an_intake_without_reasons() -> None:
    intake, reasons = await read(bundles.raw(bundles.bundle()), 100_000, as_of=None, received=NOW, reason="pain")
    assert intake is not None
    assert reasons == []


async def test_somebody_who_died_is_read_with_the_reason_to_refuse() -> None:
    dead = bundles.bundle(bundles.patient(deceasedBoolean=True), with_patient=False)
    intake, reasons = await read(bundles.raw(dead), 100_000, as_of=None, received=NOW, reason="pain")
    assert intake is not None
    assert [one.code for one in reasons] == ["patient-deceased"]


async def test_what_is_no_bundle_has_its_reasons_and_what_is_no_json_is_malformed() -> None:
    intake, reasons = await read(b"{}", 100, as_of=None, received=NOW, reason="pain")
    assert intake is None
    assert [one.code for one in reasons] == ["not-a-bundle"]
    with pytest.raises(Malformed):
        await read(b"{", 100, as_of=None, received=NOW, reason="pain")


async def test_a_bomb_is_too_large() -> None:
    with pytest.raises(TooLargeBody):
        await read(gzip.compress(b" " * 10_000_000), 1_000_000, as_of=None, received=NOW, reason="pain")

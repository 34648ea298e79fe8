"""How events travel: everything comes back as it went, and nothing that comes can do more than be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliefpath import events
from reliefpath.envelope import (
    Actor,
    Attributes,
    InvalidEvent,
    Unattributable,
    UnknownType,
    UnknownVersion,
    decode_data,
    dump_headers,
    encode_data,
    encode_headers,
    load_headers,
    read_attributes,
)
from reliefpath.events import CATALOGUE, Event, Speaker, topic_of
from reliefpath.vocabulary import Role
from tests.support.sayings import any_event, attributes_of, events_of

STREAM = UUID("01890000-0000-7000-8000-000000000001")
TOPIC = topic_of(Speaker.REFERRAL)
KEY = str(STREAM).encode()
EVENT = events.ReferralReceived(referral=STREAM)
ATTRIBUTES = Attributes(
    id=UUID("01890000-0000-7000-8000-000000000002"),
    type=EVENT.type,
    speaker=Speaker.REFERRAL,
    stream=STREAM,
    seq=3,
    time=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    cause="request:1",
    actor=Actor(Role.COORDINATOR, "c-1"),
    rules=("wait@1", "side@2"),
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


@st.composite
def said(draw: st.DrawFn) -> tuple[Attributes, Event]:
    event = draw(any_event())
    return draw(attributes_of(event)), event


@given(said())
@settings(max_examples=80, deadline=None)
def test_everything_about_an_event_comes_back_as_it_went(given_: tuple[Attributes, Event]) -> None:
    attributes, event = given_
    key, headers = str(attributes.stream).encode(), load_headers(dump_headers(encode_headers(attributes)))
    back = read_attributes(topic_of(event.speaker), key, headers)
    assert back == attributes
    assert decode_data(back, encode_data(event)) == event


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_every_event_of_the_catalogue_comes_back(cls: type[Event]) -> None:
    @given(events_of(cls))
    @settings(max_examples=8, deadline=None)
    def comes_back(event: Event) -> None:
        attributes = _changed(type=cls.type, speaker=cls.speaker)
        assert decode_data(attributes, encode_data(event)) == event

    comes_back()


def _changed(**more: object) -> Attributes:
    return Attributes(**{**{name: getattr(ATTRIBUTES, name) for name in Attributes.__slots__}, **more})


NAMES = [name for name, _ in encode_headers(ATTRIBUTES)]


@given(
    topic=st.sampled_from([TOPIC, "reliefpath.followup", "", "x"]),
    key=st.none() | st.binary(max_size=40) | st.just(KEY),
    changes=st.dictionaries(
        st.sampled_from(NAMES) | st.text(max_size=8), st.binary(max_size=40) | st.none(), max_size=4
    ),
    dropped=st.sets(st.sampled_from(NAMES), max_size=2),
    value=st.none() | st.binary(max_size=60) | st.just(encode_data(EVENT)),
)
@settings(max_examples=300, deadline=None)
def test_whatever_bytes_come_they_are_read_or_refused_by_one_of_four_names(
    topic: str, key: bytes | None, changes: dict[str, bytes], dropped: set[str], value: bytes | None
) -> None:
    headers = [
        (name, text) for name, text in {**dict(encode_headers(ATTRIBUTES)), **changes}.items() if name not in dropped
    ]
    try:
        attributes = read_attributes(topic, key, headers)
        decode_data(attributes, value)
    except (Unattributable, InvalidEvent, UnknownType, UnknownVersion):
        return
    assert attributes.time.tzinfo is not None
    assert 1 <= attributes.seq < 2**63
    dump_headers(headers)  # what is attributed can be kept


@given(st.binary(max_size=200))
def test_whatever_data_come_they_are_an_event_or_invalid(value: bytes) -> None:
    try:
        decode_data(ATTRIBUTES, value)
    except InvalidEvent:
        return


REQUIRED = [name for name in NAMES if name not in {"ce_rules", "ce_journey", "traceparent", "content-type"}]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_message_without_a_required_header_belongs_to_no_stream(name: str) -> None:
    headers = [(one, value) for one, value in encode_headers(ATTRIBUTES) if one != name]
    with pytest.raises(Unattributable, match=name):
        read_attributes(TOPIC, KEY, headers)


MALFORMED: dict[str, list[str]] = {
    "ce_id": ["7", "not-an-id"],
    "ce_source": ["/elsewhere/referral", "/reliefpath/", "/reliefpath/billing"],
    "ce_subject": ["Anna Meier", ""],
    "ce_seq": ["0", "-1", "1.0", "+1", " 1", "1_0", "١", "", "9" * 19, "9" * 5000],
    "ce_time": ["yesterday", "2026-11-23", "2026-11-23T12:00:00", "0001-01-01T00:00:00+23:59"],
    "ce_actor": ["coordinator", "coordinator:", "king:1", ":1"],
    "ce_specversion": ["0.3", "2.0"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, all_ in MALFORMED.items() for value in all_])
def test_a_malformed_header_is_named_but_not_quoted(name: str, value: str) -> None:
    headers = {**dict(encode_headers(ATTRIBUTES)), name: value.encode()}
    with pytest.raises(Unattributable, match=name) as refused:
        read_attributes(TOPIC, KEY, headers.items())
    if len(value) > 2:
        assert value not in str(refused.value).replace("is not 1.0", "")


@pytest.mark.parametrize("wrong", [b"\x00", b"a\x00b", b"\x1f", b"\x7f", b"\n", b"\xff"])
@pytest.mark.parametrize("name", ["ce_cause", "ce_type", "ce_rules", "traceparent", "anything"])
def test_no_header_holds_what_no_database_would_take(name: str, wrong: bytes) -> None:
    headers = {**dict(encode_headers(ATTRIBUTES)), name: wrong}
    with pytest.raises(Unattributable):
        read_attributes(TOPIC, KEY, headers.items())


def test_nobody_speaks_on_anothers_topic() -> None:
    with pytest.raises(Unattributable, match="does not speak"):
        read_attributes(topic_of(Speaker.FOLLOWUP), KEY, encode_headers(ATTRIBUTES))


@pytest.mark.parametrize("key", [None, b"", b"another"])
def test_the_key_is_the_stream(key: bytes | None) -> None:
    with pytest.raises(Unattributable, match="key"):
        read_attributes(TOPIC, key, encode_headers(ATTRIBUTES))


def test_nobody_says_anothers_event_on_their_own_topic() -> None:
    with pytest.raises(InvalidEvent, match="not referral's to say"):
        decode_data(_changed(type=events.TrialPlanned.type), b"{}")


def test_a_type_nobody_has_heard_of_is_told_from_a_version_nobody_can_read() -> None:
    with pytest.raises(UnknownType):
        decode_data(_changed(type="reliefpath.referral.SomethingNew.v1"), b"{}")
    with pytest.raises(UnknownVersion):
        decode_data(_changed(type="reliefpath.referral.ReferralReceived.v2"), b"{}")


def test_a_field_that_a_newer_speaker_added_is_ignored() -> None:
    assert decode_data(ATTRIBUTES, b'{"referral": "%s", "later": [1]}' % KEY) == EVENT


def test_invalid_data_are_told_by_their_places_and_never_by_what_they_are() -> None:
    secret = b"Anna Meier, born 1950"
    with pytest.raises(InvalidEvent) as refused:
        decode_data(ATTRIBUTES, b'{"referral": "%s"}' % secret)
    assert "referral uuid_parsing" in str(refused.value)
    assert "Anna" not in str(refused.value)


def test_the_headers_are_cloudevents_in_binary_mode() -> None:
    headers = dict(encode_headers(ATTRIBUTES))
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"reliefpath.referral.ReferralReceived.v1"
    assert headers["ce_source"] == b"/reliefpath/referral"
    assert headers["ce_journey"] == headers["ce_subject"] == KEY
    assert headers["content-type"] == b"application/json"
    assert all(name == name.lower() for name in headers)


def test_a_facility_is_no_journey() -> None:
    headers = dict(encode_headers(_changed(speaker=Speaker.DIRECTORY, type=events.FacilityListed.type)))
    assert "ce_journey" not in headers


@pytest.mark.parametrize(
    ("text", "actor"), [("coordinator:c-1", Actor(Role.COORDINATOR, "c-1")), ("system:a:b", Actor(Role.SYSTEM, "a:b"))]
)
def test_an_actor_is_a_role_and_a_subject(text: str, actor: Actor) -> None:
    assert Actor.parse(text) == actor
    assert str(actor) == text


BAD_ACTORS: list[Callable[[], Actor]] = [
    lambda: Actor.parse(""),
    lambda: Actor.parse("x:y"),
    lambda: Actor.parse("system"),
]


@pytest.mark.parametrize("parse", BAD_ACTORS)
def test_an_actor_without_a_known_role_or_a_subject_is_none(parse: Callable[[], Actor]) -> None:
    with pytest.raises(ValueError, match=r"is not|role"):
        parse()


@pytest.mark.parametrize(
    "headers",
    [[], [("name", b"")], [("name", b"a value"), ("other", b"[x], y")], [('na"me', 'qu"ote \\ ü'.encode())]],
)
def test_headers_come_back_as_they_were(headers: list[tuple[str, bytes]]) -> None:
    assert load_headers(dump_headers(headers)) == headers


def test_what_no_reader_would_take_is_not_written() -> None:
    with pytest.raises(ValueError, match=r"^ce_actor holds a control character$"):
        encode_headers(replace(ATTRIBUTES, actor=Actor(Role.COORDINATOR, "a\tb")))

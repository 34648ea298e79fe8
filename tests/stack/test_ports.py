"""One base port, and what follows from it."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

import pytest

from stack.failure import Failure
from stack.ports import HOST, SERVICES, SPAN, Ports, free_ports, is_free, require_free


def test_every_port_of_a_stack_is_different_and_within_its_span() -> None:
    ports = Ports(9000)
    every = [ports.api(service) for service in SERVICES] + [ports.worker(service) for service in SERVICES]
    every += [ports.postgres, *itertools.chain.from_iterable(ports.kafka(4))]
    assert len(set(every)) == len(every)
    assert all(9000 <= port < 9000 + SPAN for port in every)


def test_without_a_setting_the_base_port_is_7400() -> None:
    assert Ports.of({}).base == 7400
    assert Ports.of({"RELIEFPATH_PORT": ""}).base == 7400


def test_two_stacks_a_span_apart_share_no_port() -> None:
    first, second = Ports(7400), Ports(7400 + SPAN)
    assert max(*first.kafka(4)[-1], first.worker("operations")) < second.api("referral")


@pytest.mark.parametrize("asked", ["x", "-1", "80", "65530", "7400.5", "٧٤٠٠"])
def test_an_unusable_base_port_is_refused_with_what_to_set(asked: str) -> None:
    with pytest.raises(Failure, match=r"RELIEFPATH_PORT is .* set it to a number from 1024 to"):
        Ports.of({"RELIEFPATH_PORT": asked})


def test_a_port_in_use_is_named_with_its_purpose_and_who_listens() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(Failure) as refused:
            require_free({port: "referral API", free_ports(1)[0]: "PostgreSQL"})
    told = str(refused.value)
    assert f"Port in use: {port} (referral API; taken by " in told
    assert f"process {os.getpid()}" in told
    assert "RELIEFPATH_PORT" in told
    assert "PostgreSQL" not in told


def test_where_many_ports_are_in_use_the_sentence_stays_short() -> None:
    with contextlib.ExitStack() as open_sockets:
        ports = []
        for _ in range(5):
            listener = open_sockets.enter_context(socket.socket())
            listener.bind((HOST, 0))
            listener.listen()
            ports.append(listener.getsockname()[1])
        with pytest.raises(Failure, match=r"^Ports in use: .* and 2 more\. Stop what listens there"):
            require_free(dict.fromkeys(ports, "worker"))


def test_free_ports_are_refused_to_nobody() -> None:
    wanted = free_ports(3)
    assert len(set(wanted)) == 3
    assert max(wanted) < 32768, "what Linux gives to outgoing connections begins there"
    require_free(dict.fromkeys(wanted, "anything"))

"""Addresses are bound before anything else is done, and a taken one is an error that names it."""

import errno
import socket

import pytest

from app.web.middleware import Stopping
from app.web.server import bind, serve


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def test_a_free_port_is_found() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        assert sockets[0].getsockname()[1] > 0
    finally:
        close(sockets)


def test_every_address_of_a_name_gets_the_same_port() -> None:
    sockets = bind("localhost", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert len({sock.getsockname()[0] for sock in sockets}) == len(sockets)
    finally:
        close(sockets)


def test_a_taken_port_is_an_error_before_the_application_is_made() -> None:
    def factory(_stopping: Stopping) -> None:
        raise AssertionError("made although the port is taken")

    taken = bind("127.0.0.1", 0)
    try:
        taken[0].listen()
        with pytest.raises(OSError, match="in use") as caught:
            serve(factory, "127.0.0.1", taken[0].getsockname()[1])  # type: ignore[arg-type]
        assert caught.value.errno == errno.EADDRINUSE
    finally:
        close(taken)

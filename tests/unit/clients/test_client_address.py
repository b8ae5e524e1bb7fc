"""Addresses: HOST:PORT."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import DonkiError, InputError
from donki_client.address import Address


@given(st.from_regex(r"[a-z][a-z0-9.-]{0,30}", fullmatch=True), st.integers(1, 65535))
def test_what_is_shown_can_be_read(host, port):
    address = Address(host, port)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "localhost", ":50010", "localhost:", "localhost:abc", "localhost:0", "localhost:65536", "a:b:1"],
)
def test_what_is_no_address_is_named(text):
    with pytest.raises(InputError) as error:
        Address.parse(text)
    assert repr(text) in str(error.value)
    assert "HOST:PORT" in str(error.value)


def test_an_unknown_host_is_named():
    with pytest.raises(
        InputError, match=r"address nowhere\.invalid:1: the host 'nowhere\.invalid' is not known"
    ):
        _ = Address("nowhere.invalid", 1).ip
    # What is written for other hosts may name those that are known there alone.
    assert Address("nowhere.invalid", 1).tango_host == "nowhere.invalid:1"


def test_loopback_goes_by_its_number():
    assert Address("localhost", 50010).tango_host == "127.0.0.1:50010"
    assert Address("localhost", 50010).is_loopback
    assert not Address("192.0.2.1", 50010).is_loopback
    assert Address("192.0.2.1", 50010).tango_host == "192.0.2.1:50010"


def test_an_address_in_use_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", server.getsockname()[1])
        assert address.is_listening()
        with pytest.raises(
            DonkiError, match=f"cannot listen on {address}: another program uses this address"
        ):
            address.check_free()
    assert not address.is_listening()
    address.check_free()


def test_an_address_of_another_machine_is_not_free():
    with pytest.raises(DonkiError, match="is not an address of this machine"):
        Address("192.0.2.1", 50010).check_free()

"""What a DevFailed becomes."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import tango

from donki import errors
from donki.device.errors import as_dev_failed
from donki_client.api.errors import UnreachableError, from_tango
from donki_client.api.proxy import Proxy

FAMILY = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DonkiError)
]


@pytest.mark.parametrize("kind", FAMILY)
def test_what_a_device_raised_comes_back_as_it_was(kind):
    with pytest.raises(tango.DevFailed) as failed, as_dev_failed("here"):
        raise kind("script.py, line 3: ValueError: 7 is too much")
    error = from_tango(failed.value, "a/b/c")
    assert type(error) is kind
    assert str(error) == "script.py, line 3: ValueError: 7 is too much"


def test_no_database_is_said_so():
    with pytest.raises(tango.DevFailed) as failed:
        tango.DeviceProxy("tango://127.0.0.1:1/donki/director/1")
    error = from_tango(failed.value, "tango://127.0.0.1:1/donki/director/1")
    assert isinstance(error, UnreachableError)
    assert str(error).startswith("tango://127.0.0.1:1/donki/director/1: no Tango database answers there")


def test_a_server_that_does_not_run_is_said_so():
    device = "tango://127.0.0.1:1/donki/director/1#dbase=no"
    with pytest.raises(tango.DevFailed) as failed:
        tango.DeviceProxy(device).ping()
    error = from_tango(failed.value, device)
    assert isinstance(error, UnreachableError)
    assert str(error).startswith(f"{device} does not answer")


def test_a_device_that_dies_before_it_is_written_to_does_not_answer(monkeypatch):
    device = Mock()
    device.write_attribute.side_effect = TypeError("unsupported data_format.")
    monkeypatch.setattr(tango, "DeviceProxy", lambda _name: device)
    with pytest.raises(UnreachableError, match="a/b/c does not answer"):
        Proxy("a/b/c").write("Triggers", 1)

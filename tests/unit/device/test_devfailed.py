"""What a DevFailed means to the Director: a Player's own words are never taken for Tango's."""

from __future__ import annotations

import pytest
import tango

from donki.device.errors import as_dev_failed, is_unreachable, message_of
from donki.errors import BusyError, DonkiError, NotSetUpError, ScriptError


def raised_by_a_player(error):
    with pytest.raises(tango.DevFailed) as failed, as_dev_failed("Trigger"):
        raise error
    return failed.value


def of_tango(reason, desc, *further):
    with pytest.raises(tango.DevFailed) as failed:
        tango.Except.throw_exception(reason, desc, "here")
    error = failed.value
    for then in further:
        with pytest.raises(tango.DevFailed) as failed:
            tango.Except.re_throw_exception(error, then, "and so", "there")
        error = failed.value
    return error


@pytest.mark.parametrize(
    "said",
    ["TimeoutError: the motor's Timeout is over", "COMM_FAILURE of the chopper", "TRANSIENT beam loss"],
)
def test_a_script_that_met_such_an_error_itself_is_neither_silent_nor_lost(said):
    failed = raised_by_a_player(ScriptError(f"script.py, line 3: {said}"))
    assert message_of(failed) == f"script.py, line 3: {said}"
    assert not is_unreachable(failed)


def test_a_player_that_is_not_set_up_or_busy_must_be_found_again():
    assert is_unreachable(raised_by_a_player(NotSetUpError("not set up")))
    assert is_unreachable(raised_by_a_player(BusyError("busy")))
    assert not is_unreachable(raised_by_a_player(DonkiError("broken")))


@pytest.mark.parametrize(
    ("reason", "desc", "message"),
    [
        ("API_DeviceTimedOut", "Timeout (3000 mS) exceeded on device a/b/c", "does not answer"),
        ("API_CorbaException", "TRANSIENT CORBA system exception: TRANSIENT_CallTimedout", "does not answer"),
        ("API_CorbaException", "COMM_FAILURE CORBA system exception", "cannot be reached"),
        ("API_CorbaException", "TRANSIENT_ConnectFailed", "cannot be reached"),
        ("API_DeviceNotExported", "Device a/b/c is not exported", "cannot be reached"),
        (
            "API_CantConnectToDevice",
            "Failed to connect to device a/b/c\nThe connection request was delayed.",
            "cannot be reached: its server, or the Tango database does not answer",
        ),
    ],
)
def test_what_tango_says_of_a_player_that_is_not_there(reason, desc, message):
    failed = of_tango(reason, desc)
    assert is_unreachable(failed)
    assert message_of(failed).startswith(message)


@pytest.mark.parametrize(
    "error",
    [
        ("API_CorbaException", "TRANSIENT_ConnectFailed", "API_CantConnectToDatabase", "API_CommandFailed"),
        ("API_CantConnectToDevice", "Failed to connect to device sys/database/2", "API_CommandFailed"),
    ],
)
def test_a_database_that_is_dead_is_told_from_a_player_that_is(error):
    failed = of_tango(*error)
    assert is_unreachable(failed)
    assert message_of(failed) == "cannot be looked up: the Tango database does not answer"

"""A call for several Players, on a server that answers bit by bit, is silent, dies or speaks nonsense."""

from __future__ import annotations

import pytest
import tango
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.device.errors import dev_failed, message_of
from donki.director.players import server_call
from donki.director.players.server_call import call_server, plain_name
from donki.errors import NOT_IN_SERVER, AnswerError

TIMED_OUT = dev_failed("API_DeviceTimedOut", "Timeout (5000 mS) exceeded", "here")
DEAD = dev_failed("API_CorbaException", "COMM_FAILURE CORBA system exception", "here")
NAMES = [f"donki/player/p{number}" for number in range(6)]
#: How a Director may know the devices that their server knows by those names.
FORMS = ["{}", "tango://h:10000/{}", "tango://h:1/{}#dbase=no"]


class Server:
    """Answers each request as the script says; keeps what it is asked."""

    def __init__(self, script):
        self.script = list(script)
        self.requests = []
        self.left = []

    def __call__(self, _proxy, command, texts):
        self.requests.append((command, texts))
        if command == "CallPlayers":
            self.left = texts[3:]
        does = self.script.pop(0) if self.script else len(self.left)
        if isinstance(does, tango.DevFailed):
            raise does
        if isinstance(does, list):
            return does
        answering, self.left = self.left[:does], self.left[does:]
        # A server tells a device's name in its own case.
        return [text for name in answering for text in (name.upper(), "", f"of {name}", "0")]


def played(script, devices=NAMES, limit=30.0):
    server = Server(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_call, "call_texts", server)
        return server, list(call_server(lambda: None, "Trigger", "x", devices, limit))


STEPS = st.integers(0, 6) | st.just(TIMED_OUT)
ENDS = st.sampled_from([[], [DEAD], [["a", "b"]], [["who", "", "x", "0"]], [[NAMES[5], "", "x", "soon"]]])


@settings(deadline=None)
@given(
    steps=st.lists(STEPS, max_size=6),
    end=ENDS,
    forms=st.lists(st.sampled_from(FORMS), min_size=6, max_size=6),
)
def test_each_is_given_one_answer_whatever_the_server_does(steps, end, forms):
    devices = [form.format(name) for form, name in zip(forms, NAMES, strict=True)]
    server, answers = played([*steps, *end], devices)
    assert sorted(answer.device for answer in answers) == sorted(devices)
    good = min(6, sum(step for step in steps if isinstance(step, int))) if end else 6
    assert [answer.text for answer in answers[:good]] == [f"of {name}" for name in NAMES[:good]]
    assert not any(answer.error for answer in answers[:good])
    assert all(answer.error and answer.why for answer in answers[good:])
    assert len({id(answer.error) for answer in answers[good:]}) <= 1
    # The rest is awaited by what has been seen; nobody is called twice.
    assert [command for command, _ in server.requests] == ["CallPlayers"] + ["AwaitPlayers"] * (
        len(server.requests) - 1
    )
    assert len({texts[0] for _, texts in server.requests}) == 1


def test_a_server_that_is_silent_for_too_long_is_given_up():
    _, answers = played([0, 0, 0], limit=0)
    assert {answer.why for answer in answers} == {"does not answer (timed out)"}
    _, answers = played([TIMED_OUT], limit=-1)
    assert {answer.why for answer in answers} == {"does not answer (timed out)"}


def test_the_error_of_a_player_is_its_own():
    told = [NAMES[0], NOT_IN_SERVER, "is not in this server", "7", NAMES[1], "", "fine", "9"]
    _, answers = played([told], NAMES[:2])
    assert answers[0].error.args[0].reason == NOT_IN_SERVER
    assert message_of(answers[0].error) == "is not in this server"
    assert answers[1].error is None
    assert answers[0].given > answers[1].given


def test_nonsense_is_named():
    _, answers = played([["a"]])
    assert all(isinstance(answer.error, AnswerError) for answer in answers)
    assert "its server answers cannot be read, it may be of another version; got ['a']" in answers[0].why


@pytest.mark.parametrize("form", FORMS)
def test_the_name_at_the_server_is_that_without_database(form):
    assert plain_name(form.format(NAMES[0])) == NAMES[0]

"""Parameters of scripts: what is unknown, missing or wrong is named, with what is accepted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from donki.errors import InputError
from donki.instrument.parameters import Section, read_parameters


class Powder(Section):
    kind: Literal["powder"]
    rate: float = 1.0


class Flat(Section):
    kind: Literal["flat"]
    counts: Annotated[int, Field(ge=1)] = 1


class Detector(Section):
    topic: str
    "Where its events go."
    physics: Annotated[Powder | Flat, Field(discriminator="kind")] = Flat(kind="flat")
    band: tuple[float, float] = (1, 2)
    moves: tuple[tuple[int, float], ...] = ()
    distance: float | None = None

    def check(self) -> None:
        if self.band[0] >= self.band[1]:
            raise InputError("band: rises")


class Detectors(Section):
    detectors: dict[str, Detector]


def read(**detector: Any) -> Detectors:
    return read_parameters(Detectors, {"detectors": {"bank": {"topic": "t", **detector}}})


def test_parameters_are_read() -> None:
    bank = read(physics={"kind": "powder", "rate": 3}, moves=[[1, 2]], distance=3).detectors["bank"]
    assert (bank.physics, bank.moves, bank.distance) == (Powder(kind="powder", rate=3.0), ((1, 2.0),), 3.0)


def test_faults_may_stand_among_them() -> None:
    assert read_parameters(Detectors, {"detectors": {}, "faults": [{"kind": "drop"}]}).detectors == {}


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        ({"bnd": [1, 2]}, r"detectors\.bank\.bnd: unknown; did you mean band\?"),
        ({"x": 1}, r"detectors\.bank\.x: unknown; the keys are topic, physics, band, moves, distance"),
        ({"topic": 1}, r"detectors\.bank\.topic: expected a text; got 1"),
        ({"topic": None}, r"detectors\.bank\.topic: expected a text; got None"),
        ({"band": [2, 1]}, r"detectors\.bank: band: rises"),
        ({"band": [1]}, r"detectors\.bank\.band\.1 is missing"),
        ({"moves": [[1, 2, 3]]}, r"detectors\.bank\.moves\.0: expected 2 values; got \[1, 2, 3\]"),
        ({"moves": [[1.5, 2]]}, r"detectors\.bank\.moves\.0\.0: expected a whole number; got 1.5"),
        ({"moves": 3}, r"detectors\.bank\.moves: expected a list; got 3"),
        ({"distance": True}, r"detectors\.bank\.distance: expected a number; got True"),
        ({"physics": {"kind": "powder", "raet": 3}}, r"bank\.physics\.raet: unknown; did you mean rate\?"),
        ({"physics": {"kind": "flat", "counts": 0}}, r"bank\.physics\.counts: .* greater .* 1; got 0"),
        ({"physics": {"kind": "x"}}, r"bank\.physics: expected kind: one of 'powder', 'flat'; got "),
        ({"physics": {}}, r"bank\.physics: its kind is missing; got \{\}"),
    ],
)
def test_what_is_wrong_is_named(detector: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^Parameters: .*{said}"):
        read(**detector)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "detectors is missing"),
        ({"detectors": []}, r"detectors: expected an object of names and values; got \[\]"),
        ({"detectors": {"a": {}}}, r"detectors\.a\.topic is missing \(Where its events go\.\)"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^Parameters: {said}"):
        read_parameters(Detectors, given)


def test_every_problem_is_told() -> None:
    with pytest.raises(InputError) as refused:
        read(topic=1, bnd=2)
    assert len(str(refused.value).splitlines()) == 2

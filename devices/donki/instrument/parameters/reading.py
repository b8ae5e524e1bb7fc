"""The Parameters of a script: a model of them, and what is told where they do not fit it.

A model is a class of fields, each with its type, its default and a docstring::

    class Logs(Section):
        logs: dict[str, Log]
        "The logs, by name."


    def setup(player):
        asked = read_parameters(Logs, player.parameters)
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from donki.errors import DonkiError, InputError
from donki.json_text import to_json
from donki.streams.faults.table import NAME as FAULTS

_EXPECTED = {
    "model_type": "expected an object of keys and values",
    "dict_type": "expected an object of names and values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "string_type": "expected a text",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "union_tag_invalid": "expected kind: one of {expected_tags}",
    "union_tag_not_found": "its kind is missing",
    "literal_error": "expected one of {expected}",
    "missing_argument": "expected one value more",
    "too_long": "expected {max_length} values",
    "too_short": "expected {min_length} or more",
}
"""What was expected where pydantic found something else, in the words of JSON."""

_UNIONS = (Union, types.UnionType)


class Section(BaseModel):
    """A part of a script's Parameters: an object of known keys, whose descriptions are their docstrings.

    ``model_dump(exclude_unset=True)`` returns it as a scenario has it.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def check(self) -> None:
        """Refuse what does not fit together.

        Raises
        ------
        InputError
            saying what is expected; the name of the section is put before it
        """

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            self.check()
        except DonkiError as error:
            raise PydanticCustomError("rule", "{text}", {"text": str(error)}) from None
        return self


Parameters = TypeVar("Parameters", bound=Section)


def read_parameters(model: type[Parameters], given: Mapping[str, Any]) -> Parameters:
    """Return the Parameters of a script.

    Parameters
    ----------
    model
        what they may be
    given
        the Parameters of the Player; faults that are injected into its data may stand among them

    Raises
    ------
    InputError
        naming each key that is unknown, is missing or has a wrong value, and what is accepted
    """
    said = {key: value for key, value in given.items() if key != FAULTS}
    try:
        return model.model_validate_json(to_json("Parameters", said))
    except ValidationError as error:
        problems = [_problem(model, details) for details in error.errors(include_url=False)]
    raise InputError("\n".join(f"Parameters: {problem}" for problem in problems)) from None


def _problem(model: type[Section], details: ErrorDetails) -> str:
    names, at = _walk(model, details["loc"])
    where = ".".join(names)
    match details["type"]:
        case "extra_forbidden":
            return f"{where}: unknown; {_remedy(names[-1], list(_fields(at)))}"
        case "missing":
            field = _fields(at).get(names[-1])
            said = f" ({field.description})" if field and field.description else ""
            return f"{where} is missing{said}"
        case "rule":
            said = details["msg"]
        case _:
            said = f"{_expected(details)}; got {details['input']!r:.80}"
    return f"{where}: {said}" if where else said


def _expected(details: ErrorDetails) -> str:
    if told := _EXPECTED.get(details["type"]):
        return told.format_map(details.get("ctx", {}))
    return details["msg"].replace("Input should be", "expected")


def _remedy(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"


def _fields(section: type[BaseModel] | None) -> dict[str, FieldInfo]:
    """Return the fields of a section by what they are called in JSON."""
    fields = section.model_fields if section else {}
    return {field.alias or name: field for name, field in fields.items()}


def _walk(model: type[Section], route: Sequence[int | str]) -> tuple[list[str], type[BaseModel] | None]:
    """Return the keys on the way to a value, and the section that the last of them is in.

    What pydantic adds of its own is left out: which branch of a union was taken.
    """
    names: list[str] = []
    at: Any = model
    section: type[BaseModel] | None = model
    for part in route:
        at = _plain(at)
        if get_origin(at) in _UNIONS:
            chosen = _branch(at, part)
            if chosen is not None:
                at = chosen
                continue
            at = next((branch for branch in map(_plain, get_args(at)) if branch is not type(None)), None)
        names.append(str(part))
        if isinstance(at, type) and issubclass(at, BaseModel):
            section = at
            field = _fields(section).get(str(part))
            at = field.annotation if field else None
        elif args := [arg for arg in get_args(at) if arg is not Ellipsis]:
            at = args[part] if isinstance(part, int) and part < len(args) else args[-1]
    return names, section


def _branch(union: Any, tag: int | str) -> type[BaseModel] | None:
    """Return the section of a union that pydantic calls so: by its name, or by the value of its kind."""
    for branch in map(_plain, get_args(union)):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            kinds = [
                f.annotation for f in branch.model_fields.values() if get_origin(f.annotation) is Literal
            ]
            if tag == branch.__name__ or any(tag in get_args(kind) for kind in kinds):
                return branch
    return None


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation

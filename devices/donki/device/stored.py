"""What the Tango database keeps of a device, whatever letters it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import tango

from donki.errors import DonkiError

#: Reads texts by name.
_Reader = Callable[[tango.Database], Iterable[tuple[str, Iterable[str]]]]


def stored_properties(device: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return by name what is stored of properties of a device; those that are not are left out.

    Raises
    ------
    DonkiError
        when the database does not answer, or its file cannot be read
    """
    return _answered(
        lambda database: database.get_device_property(device, names).items(),
        lambda database: _properties(_answer(database, "DbGetDeviceProperty", device, names)),
    )


def memorized_values(device: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return by name what is memorized of attributes of a device; those of which nothing is are left out.

    Raises
    ------
    DonkiError
        when the database does not answer, or its file cannot be read
    """
    return _answered(
        lambda database: (
            (name, kept["__value"])
            for name, kept in database.get_device_attribute_property(
                device, {name: {} for name in names}
            ).items()
            if "__value" in kept
        ),
        lambda database: _values(_answer(database, "DbGetDeviceAttributeProperty2", device, names)),
    )


def _answered(in_file: _Reader, in_database: _Reader) -> dict[str, list[str]]:
    """Return what one of the two reads: of a server's file in place of a database, or of the database."""
    database = tango.Util.instance().get_database()
    if database is None:
        return {}
    read = in_file if tango.Util._FileDb else in_database  # noqa: SLF001 - what it offers to its own devices
    try:
        return {name: list(texts) for name, texts in read(database)}
    except (tango.DevFailed, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, UnicodeDecodeError) else error.args[0].desc
        raise DonkiError(f"the Tango database cannot be read: {reason}; Init when it can") from None


def _answer(database: tango.Database, command: str, device: str, names: Sequence[str]) -> Iterator[str]:
    # As a command's answer: texts of the database itself are taken for UTF-8, which Jive does not send.
    return iter(database.command_inout(command, [device, *names])[2:])


def _properties(answer: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    for name in answer:
        many = int(next(answer))
        texts = _take(answer, many or 1)  # of none there is a blank
        if many:
            yield name, texts


def _values(answer: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    for name in answer:
        for _ in range(int(next(answer))):
            key = next(answer)
            texts = _take(answer, int(next(answer)))
            if key == "__value":
                yield name, texts


def _take(answer: Iterator[str], many: int) -> list[str]:
    return [_decoded(next(answer)) for _ in range(many)]


def _decoded(text: str) -> str:
    """Return a text that some clients store in Latin-1, as Tango has it, and others in UTF-8."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text

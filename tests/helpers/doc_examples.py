"""The examples in README.rst and docs: where they are, in which language, and the commands in them."""

from __future__ import annotations

import itertools
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.rst"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.rst"))]

PROMPT = "donki> "
SHELL, AT_THE_PROMPT = "shell", "prompt"

#: What begins an example: a code-block with a language, or a paragraph that ends with two colons.
START = re.compile(r" *(?:\.\. code-block:: (?P<language>\w+)|(?!\.\. ).*::)$")
OPTION = re.compile(r"\s+:caption: (?P<caption>\S+)")


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes
    ----------
    page, line
        where it begins
    language
        what its code-block says; for a paragraph that ends with two colons it is "prompt" if something is
        typed at the Director's prompt, else "shell"
    caption
        the name of the file that it shows, if it has one
    text
        what it says
    """

    page: Path
    line: int
    language: str
    caption: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(page: Path, *languages: str) -> list[Example]:
    """Return the examples of a page in these languages, in order."""
    return [example for example in _examples(page) if example.language in languages]


def _examples(page: Path) -> Iterator[Example]:
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        start = START.fullmatch(line)
        if start is None:
            continue
        block = _indented(lines[number:])
        caption = OPTION.fullmatch(block[0]) if block else None
        text = textwrap.dedent("\n".join(block[1:] if caption else block)).strip("\n") + "\n"
        language = start["language"] or (AT_THE_PROMPT if PROMPT in text else SHELL)
        yield Example(page, number, language, caption["caption"] if caption else "", text)


def _indented(lines: list[str]) -> list[str]:
    """Return the lines up to the first that is indented less than the first that is not empty."""
    first = next(filter(None, lines))
    indent = first[: len(first) - len(first.lstrip())]
    return list(itertools.takewhile(lambda line: not line or line.startswith(indent), lines))


def commands(example: Example) -> list[list[str]]:
    """Return the commands of a shell example, each as its words; those of a pipe are commands each."""
    lexer = shlex.shlex(example.text.replace("\\\n", " "), posix=True, punctuation_chars=";&|\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""  # shlex would drop the end of the line with the comment
    found: list[list[str]] = [[]]
    comment = False
    for word in lexer:
        if set(word) <= set(";&|\n"):
            comment = comment and "\n" not in word
            found.append([])
        elif comment or word.startswith("#"):
            comment = True
        else:
            found[-1].append(word)
    return [words for words in found if words]

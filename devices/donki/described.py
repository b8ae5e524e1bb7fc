"""Commands that say in Jive and its like what they do: Tango itself keeps words for their arguments alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import tango.server


def command(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a method a Tango command; where it takes nothing, its docstring is shown as the argument's.

    Parameters
    ----------
    **options
        those of `tango.server.command`
    """

    def describe(method: Callable[..., Any]) -> Any:
        words = inspect.cleandoc(method.__doc__ or "")
        if "dtype_in" not in options:
            options["doc_in"] = words
        return tango.server.command(method, **options)

    return describe

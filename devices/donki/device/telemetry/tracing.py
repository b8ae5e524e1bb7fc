"""Whether this process makes traces, by PyTango's own setting in the environment or in Tango's files."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from tango import ApiUtil


@cache
def is_traced() -> bool:
    """Return whether PyTango makes spans in this process, as it decides when it is imported."""
    wanted = ApiUtil.get_env_var("TANGO_TELEMETRY_ENABLE") or ""
    return wanted.lower() in ("on", "1", "true", "yes", "y") and find_spec("opentelemetry") is not None

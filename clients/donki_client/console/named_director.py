"""The Director that a command line names."""

from __future__ import annotations

import tango

from donki_client.address import Address
from donki_client.api.director import Director

#: Where ``donki director`` has its database when nothing else is said.
DATABASE = "localhost:50010"


def named_director(device: str, database: str | None) -> Director:
    """Return the Director of that name, which runs already.

    Parameters
    ----------
    device
        the name in the Tango database, or a full ``tango://host:port/...`` name
    database
        ``HOST:PORT`` of the Tango database; None: what ``TANGO_HOST`` names, else `DATABASE`

    Raises
    ------
    DonkiError
        when it does not answer, or is no Director
    """
    if "://" in device:
        return Director(device, Address.parse(database) if database else None)
    named = database or tango.ApiUtil.get_env_var("TANGO_HOST") or DATABASE
    return Director(device, Address.parse(named.partition(",")[0]))

"""Where a server listens, as people write it: ``HOST:PORT``."""

from __future__ import annotations

import ipaddress
import re

_NO_HOST = re.compile(r"[\s,;/\\:@\[\]\x00-\x1f\x7f]")


def parse_host_port(text: str, default_port: str = "") -> tuple[str, int] | None:
    """Return host and port of ``HOST:PORT`` or ``[IPv6]:PORT``; None where it is neither.

    Parameters
    ----------
    text
        to read; blanks around it do not count
    default_port
        the port where there is none; empty: there must be one
    """
    found = re.fullmatch(r"(\[.*\]|[^:]*)(?::([0-9]{1,5}))?", text.strip())
    if not found:
        return None
    host, port = found[1], int(found[2] or default_port or "0")
    if host.startswith("["):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return None
    elif not host or _NO_HOST.search(host):
        return None
    return (host, port) if 1 <= port <= 65535 else None


def format_host_port(host: str, port: int) -> str:
    """Return the text that `parse_host_port` reads."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

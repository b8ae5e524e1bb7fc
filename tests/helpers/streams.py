"""Streams of one topic, as a Player opens them."""

from donki.streams.schemas import Route


def open_stream(kind, source, sink, file=None, **settings):
    """Open a stream of some kind, and keep what it sends in a file, if there is one."""
    stream = kind(Route("topic", source, sink), **settings)
    if file is not None:
        stream.keep_in(file)
    return stream

"""The message schemas: one module each, with the stream that sends it and tells all there is to know of it.

How to add one: ``docs/extending.rst``.
"""

from donki.streams.schemas.ad00 import ImageStream
from donki.streams.schemas.al00 import AlarmStream
from donki.streams.schemas.da00 import ArrayStream
from donki.streams.schemas.ep01 import ConnectionStream
from donki.streams.schemas.ev44 import EventStream
from donki.streams.schemas.f144 import SeriesStream
from donki.streams.schemas.hs01 import HistogramStream
from donki.streams.schemas.json import JsonStream
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.payload import PayloadStream
from donki.streams.schemas.registry import SCHEMAS, find_method, register
from donki.streams.schemas.se00 import SampleStream
from donki.streams.schemas.stream import Route, SourceStream
from donki.streams.schemas.tdct import TimestampStream

__all__ = [
    "SCHEMAS",
    "AlarmStream",
    "ArrayStream",
    "ConnectionStream",
    "EventStream",
    "HistogramStream",
    "ImageStream",
    "JsonStream",
    "MessageStream",
    "PayloadStream",
    "Route",
    "SampleStream",
    "SeriesStream",
    "SourceStream",
    "TimestampStream",
    "find_method",
    "register",
]

# In the order in which the documentation lists them.
for _stream in (
    *(EventStream, SeriesStream, ImageStream, ArrayStream, HistogramStream),
    *(AlarmStream, ConnectionStream, TimestampStream, SampleStream),
    *(JsonStream, PayloadStream),
):
    register(_stream)

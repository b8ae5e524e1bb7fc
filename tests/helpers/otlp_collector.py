"""A collector of OpenTelemetry traces: takes what is sent by OTLP over HTTP, and keeps the spans."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from donki.threads import Threads


@dataclass(frozen=True)
class Span:
    """One span; ``service`` and ``device`` tell who made it, ``scope`` by which library."""

    service: str
    device: str
    scope: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    events: list[tuple[str, dict[str, Any]]]
    links: list[str]


class Collector:
    """Listens on 127.0.0.1; `environment` lets a Tango server send its traces here at once."""

    def __init__(self, port: int) -> None:
        self.spans: list[Span] = []
        self.environment = {
            "TANGO_TELEMETRY_ENABLE": "on",
            "TANGO_TELEMETRY_TYPES": "tracing",
            "TANGO_TELEMETRY_TRACING_EXPORTERS": "http",
            "TANGO_TELEMETRY_TRACING_ENDPOINTS": f"http://127.0.0.1:{port}/v1/traces",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name, as they came."""
        return [span for span in self.spans if span.name == name]

    def take(self, kind: str, body: bytes) -> None:
        """Take an export request in either encoding."""
        request = ExportTraceServiceRequest()
        if "json" in kind:
            Parse(body, request)
        else:
            request.ParseFromString(body)
        for resource in request.resource_spans:
            made_by = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Span(
                            made_by["service.name"],
                            made_by.get("service.instance.id", ""),
                            scope.scope.name,
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            _attributes(span.attributes),
                            span.status.code == 2,
                            [(event.name, _attributes(event.attributes)) for event in span.events],
                            [link.span_id.hex() for link in span.links],
                        )
                    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect spans while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.headers.get("Content-Type", ""), body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = Threads().start("collector", server.serve_forever)
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()

"""What programs that watch over a facility are told: metrics for Prometheus, traces for OpenTelemetry."""

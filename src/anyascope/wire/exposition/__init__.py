"""Prometheus' text format 0.0.4, OpenMetrics 1.0 and the protobuf format: bytes in, samples and metadata out; pure."""

"""Prometheus' remote write (1.0, 2.0) and remote read: protobuf bytes to and from the model."""

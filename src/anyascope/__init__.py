"""Observability and alerting for Bitcoin, HSM and API services, in one process."""

__version__ = "0.1.0"

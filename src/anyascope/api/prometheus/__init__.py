"""Prometheus' HTTP API below `/api/v1`, query side, in Prometheus' exact shapes.

Each module makes the routes of its resources; `routes.prometheus_routes` makes all of them.
Source: Prometheus 3.5, "HTTP API".
"""

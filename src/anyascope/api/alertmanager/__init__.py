"""Alertmanager's HTTP API, version 2, under `/api/v2`; a module a resource.

Source: Alertmanager `api/v2/openapi.yaml`.
"""

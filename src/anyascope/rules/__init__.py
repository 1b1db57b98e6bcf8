"""Judging: Prometheus' recording and alerting rules, evaluated by time and as soon as what they read arrives.

`load` reads rule files, `manager.Rules` runs them, `testing` runs rule unit tests.
"""

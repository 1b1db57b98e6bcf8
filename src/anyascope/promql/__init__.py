"""PromQL: expressions over stored series, evaluated in columns.

`engine.Engine` is the door: it parses (`parse`), fetches every selector of the query at once (`fetch`) and evaluates in
pure synchronous functions over `frames.StepFrame` (`evaluate`, `functions`, `match`, `aggregate`).
"""

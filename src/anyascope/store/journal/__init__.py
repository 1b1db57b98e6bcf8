"""The journal: what was accepted, appended to files in the order of its coming, before it is sorted into tables.

`files.Journal` appends, and keeps what its consumers have not read; `records` says how a record looks on disk, and
`payloads` what is in it.
"""

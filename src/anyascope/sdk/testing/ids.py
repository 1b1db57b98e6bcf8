"""New correlation ids from a test's own source."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from anyascope.ids import Ids


@contextmanager
def given_ids(ids: Ids | None) -> Iterator[None]:
    """While this lasts `uuid.uuid4()` gives these, for whoever asks: correlation ids and alerts' ids are made by it."""
    if ids is None:
        yield
        return
    before = uuid.uuid4
    uuid.uuid4 = lambda: uuid.UUID(ids.uuid4())
    try:
        yield
    finally:
        uuid.uuid4 = before

"""What the engine raises, as what a caller can do about it."""

from __future__ import annotations

import re

from anyascope.errors import AnyascopeError, InvalidInputError, LimitExceededError, UnavailableError

CODE = re.compile(r"Code: (\d+)\. ")
MESSAGE = re.compile(r"DB::Exception: (.*)", re.DOTALL)
MESSAGE_CHARS_MAX = 300  # the engine's messages quote whole statements
RETRY_AFTER_S = 2.0  # merges catch up, memory is freed, or an operator makes room
NO_ROOM = ("No space left on device", "Disk quota exceeded", "Read-only file system", "Input/output error")

LIMITS = {
    158: "it reads too many rows",
    159: "it takes too long",
    160: "it would take too long",
    241: "it needs too much memory",
    307: "it reads too many bytes",
    396: "its result is too large",
}
CANNOT_COMPILE_REGEXP = 427
PRESSED = {
    75: "the disk does not take the data",
    76: "a file cannot be opened",
    202: "too many statements run at once",
    209: "it waited too long",
    241: "the store is at its memory limit",
    243: "the disk is full",
    252: "merges have fallen behind",
    319: "the fate of the write is unknown",
}


def translate(error: Exception, *, is_write: bool) -> AnyascopeError:
    """The error that a caller of the store gets; a write that cannot be done now may be sent again."""
    text = str(error)
    found = CODE.search(text)
    code = int(found.group(1)) if found else 0
    detail = brief(text)
    if any(sign in text for sign in NO_ROOM):
        return UnavailableError(f"the store cannot write: {detail}", retry_after_s=RETRY_AFTER_S)
    if is_write and code in PRESSED:
        return UnavailableError(f"the store cannot write now, {PRESSED[code]}: {detail}", retry_after_s=RETRY_AFTER_S)
    if code in LIMITS:
        return LimitExceededError(f"the query was stopped, {LIMITS[code]}: {detail}")
    if code == CANNOT_COMPILE_REGEXP:
        return InvalidInputError(f"a regular expression is not valid RE2: {detail}")
    if code in PRESSED:
        return UnavailableError(f"the store cannot answer now, {PRESSED[code]}: {detail}", retry_after_s=RETRY_AFTER_S)
    return AnyascopeError(f"the store failed: {detail}")


def brief(text: str) -> str:
    """The first line of the engine's message, shortened."""
    found = MESSAGE.search(text)
    line = (found.group(1) if found else text).strip().partition("\n")[0]
    return line if len(line) <= MESSAGE_CHARS_MAX else f"{line[:MESSAGE_CHARS_MAX]}…"

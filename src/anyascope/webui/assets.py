"""The built page as values: every file of `dist`, read once, with its type, its tag and its compressed form.

A request can only name a file that was read at the start, so no path of the disk is ever made from a request.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DIST = Path(__file__).parent / "dist"
INDEX = "index.html"

# Below one network packet compression saves nothing.
COMPRESS_BYTES_MIN = 1_400

_TEXT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_BINARY_TYPES = {".ico": "image/x-icon", ".png": "image/png", ".woff2": "font/woff2"}


@dataclass(frozen=True)
class Asset:
    """One file of the built page.

    Args:
        name: path inside `dist` with forward slashes, such as `assets/now-1a2b3c.js`.
        body: its bytes.
    """

    name: str
    body: bytes

    @property
    def media_type(self) -> str:
        """The `Content-Type` to answer with; `application/octet-stream` for what a page does not consist of."""
        suffix = Path(self.name).suffix
        return _TEXT_TYPES.get(suffix) or _BINARY_TYPES.get(suffix, "application/octet-stream")

    @property
    def is_immutable(self) -> bool:
        """Whether its name holds the hash of its content, so that a browser may keep it for ever."""
        return self.name.startswith("assets/")

    @cached_property
    def etag(self) -> str:
        """What stands between the quotes of its entity tag; the encoding is added by who answers."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    @cached_property
    def gzipped(self) -> bytes | None:
        """The body in gzip, or None where that would not be smaller."""
        if len(self.body) < COMPRESS_BYTES_MIN or Path(self.name).suffix not in _TEXT_TYPES:
            return None
        packed = gzip.compress(self.body, compresslevel=6, mtime=0)
        return packed if len(packed) < len(self.body) else None


def load(dist: Path) -> dict[str, Asset]:
    """Every file below `dist` by its name; empty where the page has not been built."""
    if not (dist / INDEX).is_file():
        return {}
    names = (path.relative_to(dist).as_posix() for path in sorted(dist.rglob("*")) if path.is_file())
    return {name: Asset(name, (dist / name).read_bytes()) for name in names}

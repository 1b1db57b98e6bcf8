"""The only room that builds others: settings in, a running server out."""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# What follows must be said before the libraries are imported, and this module runs first.


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas.

    It comes along with the store's engine, and pyarrow would import it only to ask whether an array is one of its own: half a
    second in the middle of a query, and 60 MB, for nothing.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas; leave everything else to those who come after."""
        _ = path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=fullname)
        return None


sys.meta_path.insert(0, _NoPandas())
# Nothing here forks while calls are open; without this gRPC says so on standard error at each subprocess.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
# A port that is taken is told in our own words; the library would write its own beside them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

"""The only room that builds others: settings in, a running server out."""

import os
import sys

# Both must be said before the libraries are imported, and this runs first.
#
# pandas comes along with the store's engine, and pyarrow would import it only to ask whether an array is one of its own:
# half a second and 60 MB for nothing. None is Python's documented way to say "do not import".
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
# Nothing here forks while calls are open; without this gRPC says so on standard error at each subprocess.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

"""One call for every framework, client, node and token: `anyascope.sdk.instrument(it)`. One module a framework."""

from anyascope.sdk.integrations.libraries import instrument_clients
from anyascope.sdk.integrations.recognise import instrument

__all__ = ["instrument", "instrument_clients"]

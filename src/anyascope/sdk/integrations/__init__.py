"""One call for every framework, client, node and token: `anyascope.sdk.instrument(it)`. One module a framework."""

from anyascope.sdk.integrations.instrument import instrument
from anyascope.sdk.integrations.libraries import instrument_clients

__all__ = ["instrument", "instrument_clients"]

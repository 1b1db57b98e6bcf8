"""By which proxy an address is reached: the configured one, or the environment's.

Source: Prometheus configuration, `proxy_url` and `proxy_from_environment`; Go, `net/http.ProxyFromEnvironment`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from anyascope.errors import InvalidInputError
from anyascope.model.http import HttpOptions, is_direct
from anyascope.wire.hosts import is_loopback
from anyascope.wire.http_settings import split_no_proxy


class Proxies:
    """The proxies of one set of options.

    Args:
        environment: where `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` stand, in either case.
    """

    def __init__(self, options: HttpOptions, environment: Mapping[str, str] = os.environ) -> None:
        self._by_scheme = dict.fromkeys(("http", "https"), options.proxy_url)
        self._no_proxy = options.no_proxy
        self._is_environment = options.proxy_from_environment
        if options.proxy_from_environment:
            self._by_scheme = {scheme: _found(environment, f"{scheme}_proxy") for scheme in self._by_scheme}
            self._no_proxy = split_no_proxy(_found(environment, "no_proxy"))

    def of(self, url: SplitResult) -> SplitResult | None:
        """The proxy before this address; None where it is reached directly.

        Raises:
            InvalidInputError: the environment names one that cannot be spoken to.
        """
        proxy, host = self._by_scheme.get(url.scheme, ""), url.hostname or ""
        # This machine is never reached by the environment's proxies.
        if not proxy or is_direct(self._no_proxy, host) or (self._is_environment and is_loopback(host)):
            return None
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme != "http" or not parts.hostname:
            # The address is not repeated: it may hold a password.
            raise InvalidInputError(f"the proxy for {url.scheme} of the environment is no http://host:port")
        return parts


def _found(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""

"""What services that use an SDK are asked to do: how much they trace, and how much they log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SdkSetting:
    """What one service is asked to do; None leaves it to the service.

    Attributes:
        sample_ratio: share of new traces that are kept, 0 to 1.
        log_level: the least level that is written, in lower case.
    """

    sample_ratio: float | None = None
    log_level: str | None = None


@dataclass(frozen=True, slots=True)
class SdkSettings:
    """What services are asked to do.

    Attributes:
        default: of services that are not named.
        services: by `service.name`; what a service leaves out is the default's.
    """

    default: SdkSetting = field(default_factory=SdkSetting)
    services: Mapping[str, SdkSetting] = field(default_factory=dict)

    def of(self, service: str) -> SdkSetting:
        """What this service is asked to do."""
        own = self.services.get(service)
        if own is None:
            return self.default
        return SdkSetting(
            sample_ratio=own.sample_ratio if own.sample_ratio is not None else self.default.sample_ratio,
            log_level=own.log_level if own.log_level is not None else self.default.log_level,
        )

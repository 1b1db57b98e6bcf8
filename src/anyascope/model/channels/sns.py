"""Amazon SNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Sigv4Options:
    """`sigv4`: who signs requests to AWS. What is not set comes from the environment, then from AWS' own files."""

    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    use_fips_sts_endpoint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsOptions(VendorOptions):
    """`sns_configs`. Exactly one of `topic_arn`, `phone_number` and `target_arn` is in `texts`.

    Attributes:
        attributes: names and values, both templates.
        sts_url: where roles are assumed; empty for the region's own. Not a setting.
    """

    sigv4: Sigv4Options = field(default_factory=Sigv4Options)
    attributes: Mapping[str, str] = field(default_factory=dict)
    sts_url: str = ""

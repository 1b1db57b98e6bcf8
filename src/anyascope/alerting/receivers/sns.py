"""`sns_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import read_secret
from anyascope.alerting.receivers.vendor import read_shared
from anyascope.model.channels.sns import Sigv4Options, SnsOptions
from anyascope.wire.settings import Section

_TARGETS: Final = ("target_arn", "topic_arn", "phone_number")
_TEXTS: Final = ("api_url", "subject", "message", *_TARGETS)


def _read(section: Section, inherited: GlobalOptions) -> SnsOptions:
    shared = read_shared(section, inherited, _TEXTS)
    section.boolean("use_aws_http_client", False)  # accepted: there is one client here
    given = sum(bool(shared["texts"].get(name)) for name in _TARGETS)
    if given % 2 == 0:  # upstream takes all three too
        section.wrong("must provide either a Target ARN, Topic ARN, or Phone Number for SNS config")
    return SnsOptions(sigv4=_read_sigv4(section.section("sigv4")), attributes=section.text_map("attributes"), **shared)


def _read_sigv4(section: Section) -> Sigv4Options:
    options = Sigv4Options(
        region=section.text("region", ""),
        access_key=section.text("access_key", ""),
        secret_key=read_secret(section, "secret_key"),
        profile=section.text("profile", ""),
        role_arn=section.text("role_arn", ""),
        external_id=section.text("external_id", ""),
        use_fips_sts_endpoint=section.boolean("use_fips_sts_endpoint", False),
    )
    if bool(options.access_key) is (options.secret_key is None):
        section.wrong(
            "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config"
        )
    if options.external_id and not options.role_arn:
        section.wrong("external_id can only be used with role_arn")
    section.done("sigv4.plain")
    return options


SNS: Final = Kind("sns", _read, is_resolved_sent=True)

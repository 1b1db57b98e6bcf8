"""Whose keys sign requests to AWS: those of the settings, of the environment, or of AWS' own files, and roles taken with them."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.sns import Sigv4Options
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.wire.aws import AwsKeys, is_throttled, query_body, role_keys, signed_headers, sts_url
from anyascope.wire.notices.answers import shown

STS_VERSION = "2011-06-15"
ROLE_S = 900  # the least that AWS gives; a page takes seconds
ROLE_EARLY_S = 60  # a role is taken anew so long before it ends
SESSION = "anyascope"
FILE_BYTES_MAX = 1024 * 1024  # a hundred profiles are 20 kB


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and for which region; None where the machine may hand out keys."""

    keys: AwsKeys | None
    region: str


def find_signer(options: Sigv4Options, *, environment: Mapping[str, str], home: Path) -> Signer:
    """The keys and the region that these settings mean, before any role.

    Without keys anywhere they are None, and an empty region is none. A profile that is named must have keys.

    Raises:
        InvalidInputError: it has none.
    """
    profile = options.profile or environment.get("AWS_PROFILE", "default")
    region = options.region or environment.get("AWS_REGION", "") or environment.get("AWS_DEFAULT_REGION", "")
    folder = home / ".aws"
    config = _profile(Path(environment.get("AWS_CONFIG_FILE", folder / "config")), profile, is_config=True)
    region = region or config.get("region", "")
    if options.access_key and options.secret_key is not None:
        return Signer(AwsKeys(options.access_key, Secret(options.secret_key.reveal())), region)
    if not options.profile and environment.get("AWS_ACCESS_KEY_ID"):
        keys = _keys(environment, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return Signer(keys, region)
    path = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE", folder / "credentials"))
    found = config | _profile(path, profile, is_config=False)
    if not found.get("aws_access_key_id"):
        if options.profile:
            raise InvalidInputError(f"no AWS keys in profile {profile} of {path}")
        return Signer(None, region)
    return Signer(_keys(found, "aws_access_key_id", "aws_secret_access_key", "aws_session_token"), region)


def _keys(found: Mapping[str, str], access: str, secret: str, token: str) -> AwsKeys:
    session = found.get(token, "")
    return AwsKeys(found[access], Secret(found.get(secret, "")), Secret(session) if session else None)


def _profile(path: Path, profile: str, *, is_config: bool) -> dict[str, str]:
    name = f"profile {profile}" if is_config and profile != "default" else profile
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_string(file.read(FILE_BYTES_MAX))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}  # another place may have the keys; if none has, all are named
    return dict(parser[name]) if parser.has_section(name) else {}


class Roles:
    """Takes a role with somebody's keys, and keeps it until shortly before it ends."""

    def __init__(self, options: Sigv4Options, *, url: str, sender: HttpSender, clock: Clock) -> None:
        self._options = options
        self._url = url
        self._sender = sender
        self._clock = clock
        self._taken: AwsKeys | None = None

    async def keys(self, own: AwsKeys, region: str) -> AwsKeys | Outcome:
        """The role's keys, taken with one's own, or the outcome where AWS gave none."""
        now_ns = self._clock.now_ns()
        if self._taken is not None and now_ns < self._taken.ends_ns - ROLE_EARLY_S * NS_PER_S:
            return self._taken
        fields = {
            "RoleArn": self._options.role_arn,
            "RoleSessionName": SESSION,
            "DurationSeconds": str(ROLE_S),
            "ExternalId": self._options.external_id,
        }
        body = query_body("AssumeRole", STS_VERSION, fields)
        url = self._url or sts_url(region, is_fips=self._options.use_fips_sts_endpoint)
        headers = signed_headers(url, body, keys=own, region=region, service="sts", now_ns=now_ns)
        answer = await self._sender.post(
            url, body, headers=headers, secrets=(own.secret_key.reveal(),), answer_bytes_max=64 * 1024
        )
        if isinstance(answer, Outcome):
            return answer
        outcome = judge(answer)
        if outcome.kind is not AttemptOutcome.OK:
            kind = AttemptOutcome.RETRY if is_throttled(answer.body) else outcome.kind
            return Outcome(kind, shown(f"AssumeRole: {answer.detail}", answer.hidden))
        self._taken = role_keys(answer.body)
        return self._taken or Outcome(AttemptOutcome.RETRY, "AssumeRole: the answer holds no credentials")

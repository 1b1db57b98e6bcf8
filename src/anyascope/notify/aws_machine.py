"""Keys that a cluster, a container or a machine of AWS hands out to what runs on it.

Source: AWS SDKs, "Standardized credential providers": web identity, container and IMDS (version 2) credentials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.http import HttpOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret, SecretFile
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.wire.aws import FORM, AwsKeys, ends_ns_of, query_body, role_keys, sts_url
from anyascope.wire.hosts import is_loopback
from anyascope.wire.notices.answers import shown

STS_VERSION = "2011-06-15"
EARLY_S = 60  # keys are taken anew so long before they end
METADATA_TIMEOUT_S = 2.0  # it is on this machine, or not at all
METADATA_LIFE_S = 300  # of the token that asks it
ANSWER_BYTES_MAX = 64 * 1024  # keys with their token are under 4 kB
CONTAINER_HOST: Final = "http://169.254.170.2"
METADATA_HOST: Final = "http://169.254.169.254"
CONTAINER_HOSTS: Final = frozenset(("169.254.170.2", "169.254.170.23", "fd00:ec2::23"))
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"


class _RefusedError(Exception):
    """A place did not hand out keys."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class MachineKeys:
    """Asks the place that the environment names, or the machine's own; keeps keys until shortly before they end."""

    def __init__(self, *, environment: Mapping[str, str], clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        # No proxy and no login of the receiver: what is asked is on this machine, but for STS.
        self._sender = HttpSender(HttpOptions(), timeout_s=METADATA_TIMEOUT_S, clock=clock)
        self._taken: AwsKeys | None = None

    async def keys(self, region: str) -> AwsKeys | Outcome:
        """Keys that are good for a minute more, or the outcome where there are none."""
        if self._taken is not None and self._clock.now_ns() < self._taken.ends_ns - EARLY_S * NS_PER_S:
            return self._taken
        try:
            self._taken = await self._ask(region)
        except _RefusedError as error:
            return error.outcome
        except InvalidInputError as error:  # a token's file
            return Outcome(AttemptOutcome.RETRY, shown(str(error), ()))
        return self._taken

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()

    async def _ask(self, region: str) -> AwsKeys:
        environment = self._environment
        if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environment.get("AWS_ROLE_ARN"):
            return await self._of_cluster(region)
        full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
        if full or relative:
            return await self._of_container(full if not relative else CONTAINER_HOST + relative)
        if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise _RefusedError(Outcome(AttemptOutcome.RETRY, NO_KEYS))
        return await self._of_machine(environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA_HOST)

    async def _of_cluster(self, region: str) -> AwsKeys:
        environment = self._environment
        token = SecretFile(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]).reveal()
        fields = {
            "RoleArn": environment["AWS_ROLE_ARN"],
            "RoleSessionName": environment.get("AWS_ROLE_SESSION_NAME", "anyascope"),
            "WebIdentityToken": token,
        }
        body = query_body("AssumeRoleWithWebIdentity", STS_VERSION, fields)
        url = environment.get("AWS_ENDPOINT_URL_STS") or sts_url(region, is_fips=False)
        answered = await self._get(url, method="POST", body=body, headers={"Content-Type": FORM}, secrets=(token,))
        return _held(role_keys(answered))

    async def _of_container(self, url: str) -> AwsKeys:
        host = urlsplit(url).hostname or ""
        if urlsplit(url).scheme != "https" and host not in CONTAINER_HOSTS and not is_loopback(host):
            detail = (
                f"AWS_CONTAINER_CREDENTIALS_FULL_URI names {host}, which is neither this machine nor reached by https"
            )
            raise _RefusedError(Outcome(AttemptOutcome.FAILED, detail))
        token = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if path := self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ""):
            token = SecretFile(str(Path(path))).reveal()
        headers = {"Authorization": token} if token else {}
        return _handed_out(await self._get(url, headers=headers, secrets=(token,)))

    async def _of_machine(self, base: str) -> AwsKeys:
        base = base.rstrip("/")
        life = {"X-aws-ec2-metadata-token-ttl-seconds": str(METADATA_LIFE_S)}
        token = (await self._get(f"{base}/latest/api/token", method="PUT", headers=life)).decode("utf-8", "replace")
        headers = {"X-aws-ec2-metadata-token": token.strip()}
        role = (await self._get(f"{base}{_ROLES}", headers=headers)).decode("utf-8", "replace").split()
        if not role:
            raise _RefusedError(Outcome(AttemptOutcome.RETRY, NO_KEYS))
        return _handed_out(await self._get(f"{base}{_ROLES}{role[0]}", headers=headers))

    async def _get(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        method: str = "GET",
        body: bytes = b"",
        secrets: tuple[str, ...] = (),
    ) -> bytes:
        answer = await self._sender.post(
            url, body, headers=headers, secrets=secrets, method=method, answer_bytes_max=ANSWER_BYTES_MAX
        )
        outcome = answer if isinstance(answer, Outcome) else judge(answer)
        if isinstance(answer, Outcome) or outcome.kind is not AttemptOutcome.OK:
            raise _RefusedError(Outcome(AttemptOutcome.RETRY, shown(f"{NO_KEYS}: {outcome.detail}", secrets)))
        return answer.body


NO_KEYS: Final = "no AWS keys: not in sigv4, in the environment or in a profile, and none handed out here"


def _held(keys: AwsKeys | None) -> AwsKeys:
    if keys is None:
        raise _RefusedError(Outcome(AttemptOutcome.RETRY, "the answer holds no AWS keys"))
    return keys


def _handed_out(body: bytes) -> AwsKeys:
    """Keys of a container's or a machine's JSON."""
    try:
        said: Any = json.loads(body)
        access, secret, token = said["AccessKeyId"], said["SecretAccessKey"], said["Token"]
        keys = AwsKeys(str(access), Secret(str(secret)), Secret(str(token)), ends_ns_of(str(said["Expiration"])))
    except (ValueError, TypeError, KeyError, RecursionError):
        return _held(None)
    return keys

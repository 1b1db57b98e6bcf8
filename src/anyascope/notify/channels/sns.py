"""Amazon SNS: a message to a topic, a telephone or an application's endpoint.

Source: AWS, SNS API reference, "Publish"; fields and limits as Alertmanager 0.34, but for the id that tells repeats apart in a FIFO
topic: upstream's is the group's, so that a resolved message within five minutes of the firing one is dropped; here it is the
notification's.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from anyascope.clock import Clock
from anyascope.model.channels.sns import SnsOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.aws import Roles, Signer, find_signer
from anyascope.notify.aws_machine import MachineKeys
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, UnsendableError, ask, calls_or_outcome
from anyascope.wire.aws import AwsKeys, domain_of, is_throttled, query_body, signed_headers
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.cut import cut_bytes
from anyascope.wire.notices.data import group_hash

SNS_VERSION = "2010-03-31"
MESSAGE_BYTES_MAX = 256 * 1024  # what the API takes
SMS_BYTES_MAX = 1600  # what the API sends to a telephone
SUBJECT_CHARS_MAX = 100  # what the API takes; a longer one is refused

_DEFAULTS: Final = {
    "api_url": "",
    "topic_arn": "",
    "phone_number": "",
    "target_arn": "",
    "subject": '{{ template "sns.default.subject" . }}',
    "message": '{{ template "sns.default.message" . }}',
}


class SnsChannel:
    """Publishes, signed with keys that are looked up for each attempt, so that rotated ones count at once."""

    def __init__(self, options: SnsOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
        self._clock = clock
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)
        self._machine = MachineKeys(environment=os.environ, clock=clock)
        self._roles = Roles(options.sigv4, url=options.sts_url, sender=self._sender, clock=clock)

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:  # noqa: ARG002  # has one part
        options = self._options
        texts = Texts(self._templates, notification, given=options.texts, defaults=_DEFAULTS, said="message")
        fields = calls_or_outcome(lambda: publish_fields(options, texts))
        signer = calls_or_outcome(lambda: _signer(options, texts))
        if isinstance(fields, Outcome):
            return fields
        if isinstance(signer, Outcome):
            return signer
        keys = await self._keys(signer)
        if isinstance(keys, Outcome):
            return keys
        url = texts["api_url"] or f"https://sns.{signer.region}.{domain_of(signer.region)}/"
        call = self._signed(url, query_body("Publish", SNS_VERSION, fields), keys, signer.region)
        answer = await ask(self._sender, call, notification)
        if isinstance(answer, Outcome):
            return answer
        outcome = _judge(answer)
        if outcome.kind is AttemptOutcome.OK:
            return replace(outcome, detail=shown(outcome.detail + texts.note, ()))
        return outcome

    async def close(self) -> None:
        await self._sender.close()
        await self._machine.close()

    async def _keys(self, signer: Signer) -> AwsKeys | Outcome:
        own = await self._machine.keys(signer.region) if signer.keys is None else signer.keys
        if isinstance(own, Outcome) or not self._options.sigv4.role_arn:
            return own
        return await self._roles.keys(own, signer.region)

    def _signed(self, url: str, body: bytes, keys: AwsKeys, region: str) -> Call:
        headers = signed_headers(url, body, keys=keys, region=region, service="sns", now_ns=self._clock.now_ns())
        token = keys.token.reveal() if keys.token is not None else ""
        return Call(url, body, headers=headers, secrets=(keys.secret_key.reveal(), token))


def _signer(options: SnsOptions, texts: Texts) -> Signer:
    signer = find_signer(options.sigv4, environment=os.environ, home=Path.home())
    if signer.region:
        return signer
    # arn:aws:sns:<region>:<account>:<topic>
    parts = (texts["topic_arn"] or texts["target_arn"]).split(":")
    region = parts[3] if len(parts) > 3 else ""
    if not region:
        raise UnsendableError("region not configured in sns.sigv4.region or in default credentials chain")
    return replace(signer, region=region)


def publish_fields(options: SnsOptions, texts: Texts) -> dict[str, str]:
    """What is published, as the API's form has it.

    Raises:
        UnsendableError: neither a topic, nor a telephone, nor an endpoint is left after the templates.
    """
    topic, phone, target = texts["topic_arn"], texts["phone_number"], texts["target_arn"]
    if not topic and not phone and not target:
        raise UnsendableError("topic_arn, phone_number and target_arn are all empty")
    said = texts.spoken("message")
    message = cut_bytes(said, SMS_BYTES_MAX if phone else MESSAGE_BYTES_MAX, mark="")
    attributes = {texts.of(name): texts.of(value) for name, value in options.attributes.items()}
    if message != said:
        attributes["truncated"] = "true"
    fields = {"TopicArn": topic, "PhoneNumber": phone, "TargetArn": target, "Message": message}
    # A subject with a line break or another letter than ASCII's is refused, and the page with it.
    subject = " ".join(texts["subject"].split()).encode("ascii", "replace").decode()
    fields["Subject"] = subject[:SUBJECT_CHARS_MAX]
    if topic.endswith(".fifo"):
        fields |= {
            "MessageGroupId": group_hash(texts.notification),
            "MessageDeduplicationId": texts.notification.id,
        }
    for number, (name, value) in enumerate(sorted(attributes.items()), start=1):
        entry = f"MessageAttributes.entry.{number}"
        fields |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
    return fields


def _judge(answer: Answer) -> Outcome:
    outcome = judge(answer)
    if not is_throttled(answer.body):
        return outcome
    return replace(outcome, kind=AttemptOutcome.RETRY, is_throttled=True)

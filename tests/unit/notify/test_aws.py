"""Whose keys sign requests to AWS, and roles that are taken with them."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from anyascope.clock import ManualClock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.sns import Sigv4Options, SnsOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify.aws import find_signer, sts_url
from anyascope.notify.channels.sns import SnsChannel
from anyascope.notify.templates import load_templates
from support.notifications import AT_NS, notification
from support.scripted_end import Say, scripted_end

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED

ROLE = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>"
    b"<SecretAccessKey>role-secret-1</SecretAccessKey><SessionToken>role-token-1</SessionToken>"
    b"<Expiration>2023-11-14T22:28:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


def signer(tmp_path, environment=None, **fields):
    found = find_signer(Sigv4Options(**fields), environment=environment or {}, home=tmp_path)
    token = found.keys.token.reveal() if found.keys.token else ""
    return found.keys.access_key, found.keys.secret_key.reveal(), token, found.region


def test_where_keys_come_from(tmp_path):
    """The settings first, then the environment, then AWS' own files; a named profile passes the environment by."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = B%\n[ops]\naws_access_key_id = C\n"
        "aws_secret_access_key = D\naws_session_token = E\n"
    )
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-west-1\n[profile ops]\nregion = eu-west-2\n")
    environment = {"AWS_ACCESS_KEY_ID": "F", "AWS_SECRET_ACCESS_KEY": "G", "AWS_SESSION_TOKEN": "H", "AWS_REGION": "r"}
    own = {"access_key": "I", "secret_key": Secret("J"), "region": "s"}
    assert signer(tmp_path, environment, **own) == ("I", "J", "", "s")
    assert signer(tmp_path, environment) == ("F", "G", "H", "r")
    assert signer(tmp_path) == ("A", "B%", "", "eu-west-1")
    assert signer(tmp_path, {"AWS_PROFILE": "ops"}) == ("C", "D", "E", "eu-west-2")
    assert signer(tmp_path, environment | {"AWS_REGION": ""}, profile="ops") == ("C", "D", "E", "eu-west-2")
    with pytest.raises(InvalidInputError, match=r"no AWS keys: .* in profile none of .*credentials"):
        signer(tmp_path, profile="none")
    assert sts_url("cn-north-1", is_fips=False) == "https://sts.cn-north-1.amazonaws.com.cn/"
    assert sts_url("us-east-1", is_fips=True) == "https://sts-fips.us-east-1.amazonaws.com/"


async def test_a_role_is_taken_once_and_again_before_it_ends():
    """STS is asked with the keys, SNS with the role's; a refusal of either is told, "too many" is tried again."""
    clock = ManualClock(AT_NS)
    with scripted_end() as end:
        sigv4 = Sigv4Options(
            region="eu-west-1", access_key="A", secret_key=Secret("own-secret"), role_arn="arn:r", external_id="x"
        )
        texts = {"topic_arn": "arn:aws:sns:eu-west-1:1:t", "api_url": f"{end.url}/sns", "message": "m", "subject": "s"}
        options = SnsOptions(sigv4=sigv4, sts_url=f"{end.url}/sts", texts=texts)
        channel = SnsChannel(options, templates=load_templates((), now_ns=lambda: 0), clock=clock)

        async def send(*answers):
            end.says(*answers)
            outcome = await channel.send(notification(), done=frozenset())
            return outcome, [one.path for one in end.heard]

        outcome, paths = await send(Say(200, ROLE), Say(200))
        assert (outcome.kind, paths) == (OK, ["/sts", "/sns"])
        asked = {name: value[0] for name, value in parse_qs(end.heard[0].body.decode()).items()}
        assert (asked["Action"], asked["RoleArn"], asked["ExternalId"]) == ("AssumeRole", "arn:r", "x")
        assert "Credential=A/20231114/eu-west-1/sts/" in end.heard[0].header("authorization")
        assert "Credential=ASIA1/20231114/eu-west-1/sns/" in end.heard[1].header("authorization")
        assert end.heard[1].header("x-amz-security-token") == "role-token-1"
        assert (await send(Say(200)))[1] == ["/sns"]
        refused = Say(400, b"<Error><Code>InvalidParameter</Code><Message>role-token-1 role-secret-1</Message></Error>")
        outcome, _ = await send(refused)
        assert (outcome.kind, "role-" in outcome.detail, "InvalidParameter" in outcome.detail) == (FAILED, False, True)
        outcome, _ = await send(Say(400, b"<Error><Code>Throttling</Code></Error>"))
        assert (outcome.kind, outcome.is_throttled) == (RETRY, True)
        await clock.advance(850)
        outcome, paths = await send(Say(403, b"<Error><Code>AccessDenied</Code></Error>"))
        assert (outcome.kind, paths, outcome.detail[:12]) == (FAILED, ["/sts"], "AssumeRole: ")
        await channel.close()

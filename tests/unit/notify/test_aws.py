"""Whose keys sign requests to AWS, and roles that are taken with them."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from anyascope.clock import ManualClock
from anyascope.errors import InvalidInputError
from anyascope.model.channels.sns import Sigv4Options, SnsOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify import aws_machine
from anyascope.notify.aws import find_signer
from anyascope.notify.aws_machine import MachineKeys
from anyascope.notify.channels.sns import SnsChannel
from anyascope.notify.templates import load_templates
from anyascope.wire.aws import sts_url
from support.notifications import AT_NS, notification
from support.scripted_end import Say, scripted_end

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED

ROLE = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>"
    b"<SecretAccessKey>role-secret-1</SecretAccessKey><SessionToken>role-token-1</SessionToken>"
    b"<Expiration>2023-11-14T22:28:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """What hands out keys is a thread of this process: on a busy machine it may take longer than on AWS' own."""
    monkeypatch.setattr(aws_machine, "METADATA_TIMEOUT_S", 60.0)


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
    with pytest.raises(InvalidInputError, match=r"no AWS keys in profile none of .*credentials"):
        signer(tmp_path, profile="none")
    nobody = find_signer(Sigv4Options(), environment={"AWS_PROFILE": "none"}, home=tmp_path)
    assert (nobody.keys, nobody.region) == (None, "")
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


HANDED_OUT = (
    b'{"AccessKeyId": "ASIA2", "SecretAccessKey": "machine-secret", "Token": "machine-token", '
    b'"Expiration": "2023-11-14T22:28:20Z"}'
)


async def asked(environment, end, *answers):
    end.says(*answers)
    keys = MachineKeys(environment=environment, clock=ManualClock(AT_NS))
    found = await keys.keys("eu-west-1")
    again = await keys.keys("eu-west-1")
    await keys.close()
    assert found == again or found.kind is RETRY
    return found, [f"{one.method} {one.path}" for one in end.heard]


async def test_keys_that_are_handed_out(tmp_path):
    """A cluster's, a container's and a machine's keys are taken from where the environment says, and kept."""
    (tmp_path / "token").write_text("web-identity-token\n")
    with scripted_end() as end:
        cluster = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:r",
            "AWS_ENDPOINT_URL_STS": f"{end.url}/sts",
        }
        found, paths = await asked(cluster, end, Say(200, ROLE))
        assert (found.access_key, paths) == ("ASIA1", ["POST /sts"])
        sent = parse_qs(end.heard[0].body.decode())
        assert (sent["Action"], sent["WebIdentityToken"]) == (["AssumeRoleWithWebIdentity"], ["web-identity-token"])
        container = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{end.url}/keys",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        found, paths = await asked(container, end, Say(200, HANDED_OUT))
        assert (found.access_key, found.token.reveal(), paths) == ("ASIA2", "machine-token", ["GET /keys"])
        assert end.heard[0].header("authorization") == "web-identity-token"
        machine = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": end.url}
        found, paths = await asked(machine, end, Say(200, b"imds-token"), Say(200, b"role\n"), Say(200, HANDED_OUT))
        roles = "/latest/meta-data/iam/security-credentials/"
        assert found.access_key == "ASIA2"
        assert paths == ["PUT /latest/api/token", f"GET {roles}", f"GET {roles}role"]
        assert end.heard[2].header("x-aws-ec2-metadata-token") == "imds-token"


async def test_keys_that_are_not_handed_out(tmp_path):
    """What refuses, talks nonsense or is switched off is told, and tried again; a container's address must be near."""
    with scripted_end() as end:
        machine = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": end.url}
        refused, _ = await asked(machine, end, Say(403), Say(403))
        assert (refused.kind, refused.detail.startswith("no AWS keys: ")) == (RETRY, True)
        container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{end.url}/keys"}
        assert (await asked(container, end, Say(200, b"[]"), Say(200, b"{")))[0].kind is RETRY
        off = {"AWS_EC2_METADATA_DISABLED": "true"}
        assert (await asked(off, end))[1] == []
        far = MachineKeys(
            environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://keys.test/"}, clock=ManualClock(AT_NS)
        )
        assert (await far.keys("r")).kind is FAILED
        missing = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "none"), "AWS_ROLE_ARN": "r"}
        assert "cannot be read" in (await asked(missing, end))[0].detail

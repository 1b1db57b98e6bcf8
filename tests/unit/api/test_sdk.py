"""What SDKs pull from the server."""

from __future__ import annotations

import httpx
import pytest

from anyascope.model.sdk import SdkSetting, SdkSettings
from support.own_api import House

ROOT = "http://127.0.0.1:9470"
ASKED = SdkSettings(default=SdkSetting(0.5, "info"), services={"custody": SdkSetting(0.25, None)})


async def test_a_service_gets_its_own_settings_and_the_defaults_for_the_rest():
    """What a service leaves out is the default's."""
    async with House(sdk=ASKED).client() as client:
        answer = await client.get("/sdk/settings", params={"service": "custody"})
    assert answer.json() == {"service": "custody", "sample_ratio": 0.25, "log_level": "info"}


async def test_without_configuration_all_is_left_to_the_service():
    """Null says: as you were."""
    async with House().client() as client:
        answer = await client.get("/sdk/settings", params={"service": "custody"})
    assert answer.json() == {"service": "custody", "sample_ratio": None, "log_level": None}


async def test_an_answer_that_is_known_is_not_sent_again():
    """`If-None-Match` costs neither side anything, until the configuration changes."""
    house = House(sdk=ASKED)
    async with house.client() as client:
        first = await client.get("/sdk/settings", params={"service": "custody"})
        known = {"if-none-match": f'"other", W/{first.headers["etag"]}'}
        again = await client.get("/sdk/settings", params={"service": "custody"}, headers=known)
        house.sdk = SdkSettings()
        changed = await client.get("/sdk/settings", params={"service": "custody"}, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200


@pytest.mark.parametrize("params", [{}, {"service": ""}, {"service": "x" * 1025}])
async def test_a_service_must_be_named(params):
    """The problem says which parameter is wrong."""
    async with House().client() as client:
        answer = await client.get("/sdk/settings", params=params)
    assert (answer.status_code, answer.json()["path"]) == (400, "service")


@pytest.mark.parametrize("path", ["/sampling", "/api/sampling"])
@pytest.mark.parametrize(("service", "ratio"), [("custody", 0.25), ("somebody", 0.5)])
async def test_jaegers_remote_sampling_is_answered(path, service, ratio):
    """SDKs of other languages pull their ratio by Jaeger's protocol."""
    async with House(sdk=ASKED).client() as client:
        answer = await client.get(f"{ROOT}{path}", params={"service": service})
    assert answer.json() == {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": ratio}}


async def test_jaegers_remote_sampling_keeps_all_by_default_and_wants_one_service():
    """A ratio that nobody set is 1."""
    async with House().client() as client:
        unset = await client.get(f"{ROOT}/sampling", params={"service": "custody"})
        missing = await client.get(f"{ROOT}/sampling")
        twice = await client.get(f"{ROOT}/sampling", params=httpx.QueryParams("service=a&service=b"))
    assert unset.json()["probabilisticSampling"] == {"samplingRate": 1.0}
    assert (missing.status_code, twice.status_code) == (400, 400)

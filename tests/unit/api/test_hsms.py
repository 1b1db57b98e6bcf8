"""Watched HSMs by the own API: how they are, and that they are accepted."""

from __future__ import annotations

from support.own_api import House


async def test_hsms_are_listed_and_accepted_by_somebody() -> None:
    """What changed is told; who accepts it says so, and an HSM that is not there is not found."""
    house = House()
    async with house.client() as client:
        [told] = (await client.get("/hsms")).json()["hsms"]
        assert (told["name"], told["status"], told["changes"]) == ("core", "degraded", ["firmware"])
        accepted = await client.post("/hsms/core/accept", json={"by": " ann "})
        assert (accepted.status_code, accepted.json()["changes"]) == (200, [])
        assert house.post.asked_by == ["ann"]
        assert (await client.post("/hsms/other/accept", json={"by": "ann"})).status_code == 404
        assert (await client.post("/hsms/core/accept", json={"by": " "})).status_code == 400

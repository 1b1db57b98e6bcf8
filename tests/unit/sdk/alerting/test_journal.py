"""The state file: an escalation goes on where the process ended."""

from __future__ import annotations

import json

import pytest

from anyascope.sdk.alerting import EscalationState
from anyascope.sdk.alerting.journal import Journal
from support.alerting import House, an_alert


def later(house: House, path, *, s: float) -> House:
    """The next process: the old one is gone, its clocks are not."""
    house.manager._desk._journal.close()
    heir = House(state_file=path)
    heir.clock.s = s
    heir.manager.tick()
    return heir


def test_an_escalation_goes_on(tmp_path):
    """What fell due meanwhile is told once, then the grid goes on."""
    path = tmp_path / "alerts"
    house = House(state_file=path)
    identity = house.send(an_alert())
    house.to(310)
    heir = later(house, path, s=1_000)
    heir.to(1_250)
    assert heir.told == [
        (1_000.0, "slack", "0-3"),
        (1_000.0, "email", "0-3"),
        (1_000.0, "phone", "1-0"),
        (1_200.0, "slack", "0-4"),
        (1_200.0, "email", "0-4"),
    ]
    status = heir.manager.status(identity)
    assert (status.alert.title, status.attempts) == ("Signing failed", 4 + 5)


def test_what_was_not_through_is_sent(tmp_path):
    """A send that failed before the end is made by the next process."""
    path = tmp_path / "alerts"
    house = House("slack", state_file=path)
    house.channels["slack"].answers = [RuntimeError("down")]
    house.send(an_alert(escalation_policy="default"))
    heir = later(house, path, s=5)
    assert heir.told == [(5.0, "slack", "0-0")]


@pytest.mark.parametrize("way", ["acknowledge", "resolve"])
def test_an_answer_is_remembered(tmp_path, way):
    """What was acknowledged or resolved is not told again."""
    path = tmp_path / "alerts"
    house = House(state_file=path)
    identity = house.send(an_alert())
    getattr(house.manager, way)(identity)
    house.manager.tick()
    heir = later(house, path, s=300)
    heir.to(2_000)
    assert heir.told == []


def test_the_same_alert_right_after_the_start_is_the_old_one(tmp_path):
    """A service that finds its trouble again before the file was read does not tell it twice."""
    path = tmp_path / "alerts"
    house = House("slack", state_file=path)
    identity = house.send(an_alert())
    house.manager._desk._journal.close()
    heir = House("slack", state_file=path)
    heir.clock.s = 10
    heir.send(an_alert(id="new"))
    assert heir.told == []
    assert heir.manager.status("new").alert.id == identity
    assert heir.manager.acknowledge("new", "ada")


def test_two_processes_have_files_of_their_own(tmp_path):
    """Neither tells the other's alerts; what the dead one left is taken over by the next that starts."""
    path = tmp_path / "alerts"
    one, two = House("slack", state_file=path), House("slack", state_file=path)
    one.send(an_alert("One", id="1"))
    two.send(an_alert("Two", id="2"))
    assert {file.name for file in tmp_path.iterdir()} >= {"alerts", "alerts.1"}
    two.manager._desk._journal.close()
    three = House("slack", state_file=path)
    three.clock.s = 300
    three.manager.tick()
    assert [alert.title for alert in three.channels["slack"].alerts] == ["Two"]
    one.to(300)
    assert [alert.title for alert in one.channels["slack"].alerts] == ["One", "One"]


def test_the_file_is_private_redacted_and_bounded(tmp_path):
    """Only its owner reads it, no secret stands in it, and it is written anew when it has grown."""
    path = tmp_path / "alerts"
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    house = House("slack", state_file=path)
    house.send(an_alert(description=f"{key} " + "x" * 9_000))
    assert path.stat().st_mode & 0o777 == 0o600
    assert key not in path.read_text()
    house.to(300 * 400, step_s=300)
    assert path.stat().st_size < 5 * 1024 * 1024
    heir = later(house, path, s=300 * 400 + 1)
    assert len(heir.manager.statuses()) == 1


def test_damage_costs_what_is_damaged(tmp_path):
    """Lines that a crash cut off, that are not ours or of another version are passed over."""
    path = tmp_path / "alerts"
    house = House("slack", state_file=path)
    house.send(an_alert("Whole", id="whole"))
    house.manager._desk._journal.close()
    good = path.read_text()
    odd = ["", "{", "[]", "3", '{"v":1}', '{"v":1,"key":5}', '{"v":9,"key":"a"}', '{"v":1,"key":"a","alert":3}']
    path.write_text("\n".join(odd) + "\n" + good + '{"v":1,"key":"cut')
    heir = House("slack", state_file=path)
    heir.manager.tick()
    assert [status.alert.id for status in heir.manager.statuses()] == ["whole"]


def test_a_folder_that_is_not_there_is_told_and_alerts_live_in_memory(tmp_path, caplog):
    """An unusable file is one line in the log; people are told all the same."""
    house = House("slack", state_file=tmp_path / "absent" / "alerts")
    house.send(an_alert())
    assert len(house.told) == 1
    assert "live in memory only" in caplog.text


def test_a_slot_is_written_anew_whole_or_not_at_all(tmp_path):
    """A rewrite replaces the file; what was in it before stays until then."""
    journal = Journal(tmp_path / "alerts")
    journal.open()
    journal.append([{"key": "a"}, {"key": "b"}, {"key": "a", "n": 2}])
    journal.rewrite([{"key": "c"}])
    journal.append([{"key": "d"}, {"key": "c", "gone": True}])
    journal.close()
    assert [json.loads(line)["key"] for line in (tmp_path / "alerts").read_text().splitlines()] == ["c", "d", "c"]
    heir = Journal(tmp_path / "alerts")
    assert [entry["key"] for entry in heir.open()] == ["d"]
    heir.close()


def test_a_clock_that_was_set_back_postpones_nothing(tmp_path):
    """After a restart with the wall clock an hour back, the grid begins anew now rather than in an hour."""
    path = tmp_path / "alerts"
    house = House("slack", state_file=path)
    house.to(4_000, step_s=1_000)
    house.send(an_alert())
    heir = later(house, path, s=400)
    heir.to(701)
    assert {at for at, _, _ in heir.told} == {700.0}
    assert heir.manager.statuses()[0].state is EscalationState.SENT

"""Alarms on their way out: each channel says each thing once, and one that is down is heard of on the others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.console.main import main
from fallback_server.domain.alerting import Message, Pace
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarm_channels, alarms, readiness, second_person, trial
from fallback_server.store.session import Actor, Store
from sync.worker.channels import ChannelTrouble
from sync.worker.sending import Sending
from sync.worker.upkeep import Upkeep
from tests.alarms.servers import Heard, running, webhook
from tests.fixtures_hospital import PASSWORD, Hospital

ADMIN = Actor("0801", "卫信息", frozenset({"admin"}))


@dataclass
class Way:
    """A channel that keeps what it was given, or fails."""

    name: str
    target: str = "loopback"
    down: bool = False
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.down:
            raise ChannelTrouble("ConnectError")
        self.sent.append(message)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(one["key"], one["state"]) for message in self.sent for one in message.alarms]


@pytest.fixture
def ways() -> list[Way]:
    return [Way("wecom"), Way("mail")]


@pytest.fixture
def sending(hospital: Hospital, ways: list[Way]) -> Sending:
    return Sending(hospital.store, ways, Pace(), hospital="仁和医院")


def lost(store: Store) -> None:
    alarms.sound(store, alarms.CENTRE, "lost", "中心连不上。", "The centre is away.")


def after(hospital: Hospital, sending: Sending, minutes: float = 6) -> None:
    hospital.clock.advance(minutes * 60)
    sending.look()


def test_an_alarm_goes_out_once_by_every_channel_and_so_does_its_end(
    hospital: Hospital, sending: Sending, ways: list[Way]
) -> None:
    lost(hospital.store)
    for _ in range(3):
        sending.look()
    after(hospital, sending)
    Sending(hospital.store, ways, Pace()).look()  # a worker that starts anew repeats nothing
    alarms.silence(hospital.store, alarms.CENTRE)
    after(hospital, sending)
    after(hospital, sending)
    assert [way.states for way in ways] == [[("centre", "on"), ("centre", "off")]] * 2
    assert "仁和医院" in ways[0].sent[0].text


def test_one_that_is_acknowledged_is_not_said_again_until_it_comes_back(
    hospital: Hospital, sending: Sending, ways: list[Way]
) -> None:
    lost(hospital.store)
    sending.look()
    after(hospital, sending, 61)
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        number = alarms.on(tx.conn)[0]["id"]
        assert alarms.acknowledge(tx, number, "已通知厂商")["acknowledged_by"] == "0801"
    after(hospital, sending, 61)
    alarms.silence(hospital.store, alarms.CENTRE)
    after(hospital, sending)
    lost(hospital.store)
    after(hospital, sending)
    assert [state for _, state in ways[0].states] == ["on", "again", "off", "on"]


def test_a_channel_that_is_down_is_one_alarm_on_the_others_and_catches_up(
    hospital: Hospital, sending: Sending, ways: list[Way]
) -> None:
    ways[0].down = True
    lost(hospital.store)
    for _ in range(6):
        after(hospital, sending)
    assert [state for state in ways[1].states if state[0] == "channel.wecom"] == [("channel.wecom", "on")]
    with hospital.store.reading() as tx:
        row = next(one for one in alarm_channels.listed(tx.conn) if one["name"] == "wecom")
        found = [one.code for one in readiness.findings(tx, Policy())]
    assert row["down"] and row["error"] == "ConnectError" and "channels_down" in found
    ways[0].down = False
    after(hospital, sending, 20)
    after(hospital, sending)
    assert ways[0].states == [("centre", "on")]
    assert ways[1].states[-1] == ("channel.wecom", "off")


def test_a_channel_that_breaks_in_an_unheard_of_way_keeps_no_other_from_speaking(
    hospital: Hospital, sending: Sending, ways: list[Way]
) -> None:
    def broken(message: Message) -> None:
        raise KeyError("x")

    ways[0].send = broken  # type: ignore[method-assign]
    lost(hospital.store)
    sending.look()
    assert ways[1].states == [("centre", "on")]


def test_a_channel_that_fails_is_left_alone_for_a_while(hospital: Hospital, sending: Sending, ways: list[Way]) -> None:
    ways[0].down = True
    tried: list[Message] = []
    ways[0].send = lambda message: tried.append(message) or (_ for _ in ()).throw(ChannelTrouble("x"))  # type: ignore
    lost(hospital.store)
    for _ in range(5):
        sending.look()
    assert len(tried) == 1
    after(hospital, sending, 0.3)
    assert len(tried) == 2


def test_a_clock_that_is_set_back_silences_no_channel(hospital: Hospital, sending: Sending, ways: list[Way]) -> None:
    hospital.clock.advance(3 * 86_400)
    ways[0].down = True
    lost(hospital.store)
    sending.look()
    hospital.clock.advance(-3 * 86_400)
    ways[0].down = False
    sending.look()
    assert ways[0].states == [("centre", "on")] and ways[1].states == [("centre", "on"), ("centre", "again")]
    with hospital.store.reading() as tx:
        assert alarm_channels.sent_since(tx.conn, "mail", tx.now - timedelta(hours=1), tx.now) == 1


def test_thirty_alarms_at_once_are_one_message(hospital: Hospital, sending: Sending, ways: list[Way]) -> None:
    for n in range(30):
        alarms.sound(hospital.store, f"x.{n}", "k", "告警", "alarm")
    sending.look()
    assert len(ways[0].sent) == 1 and len(ways[0].states) == 30


def test_a_channel_that_is_no_longer_configured_is_forgotten(hospital: Hospital, ways: list[Way]) -> None:
    Sending(hospital.store, ways, Pace()).look()
    Sending(hospital.store, ways[:1], Pace()).look()
    with hospital.store.reading() as tx:
        assert [one["name"] for one in alarm_channels.listed(tx.conn)] == ["wecom"]


def test_taking_the_last_channel_away_is_an_alarm_until_there_is_one_again(hospital: Hospital, ways: list[Way]) -> None:
    def subjects() -> list[str]:
        with hospital.store.reading() as tx:
            return [one["subject"] for one in alarms.on(tx.conn)]

    Sending(hospital.store, [], Pace()).look()
    assert subjects() == [], "there never was one: that is the list of readiness"
    for configured in (ways, ways[:1]):
        Sending(hospital.store, configured, Pace()).look()
        assert subjects() == []
    for _ in range(2):
        Sending(hospital.store, [], Pace()).look()
        assert subjects() == [alarms.CHANNELS]
    Sending(hospital.store, ways, Pace()).look()
    assert subjects() == []


def test_a_warning_that_becomes_grave_is_said_at_once_and_only_once(
    hospital: Hospital, sending: Sending, ways: list[Way]
) -> None:
    for kind, severity in (("slow", "warning"), ("lost", "critical"), ("slow", "warning"), ("lost", "critical")):
        with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            alarms.turn_on(tx, alarms.CENTRE, kind, "中心", "The centre", severity=severity)
        after(hospital, sending, 0.5)
    assert [(one["kind"], one["severity"]) for message in ways[0].sent for one in message.alarms] == [
        ("slow", "warning"), ("lost", "critical"),
    ]  # fmt: skip


def test_a_channel_by_which_nothing_went_out_is_not_fine(hospital: Hospital, ways: list[Way]) -> None:
    def found() -> str:
        with hospital.store.reading() as tx:
            return next(
                one.code
                for one in readiness.findings(tx, Policy())
                if (one.check, one.subject) == ("alarms", "channels")
            )

    sending = Sending(hospital.store, ways, Pace())
    sending.look()
    assert found() == "channels_untried"
    for way in ways:
        message = Message("x", ("y",), "info", hospital.clock.now(), "h", "仁和医院")
        assert sending.send(way, message) is None
    assert found() == "channels_fine"
    hospital.clock.advance(91 * 86_400)
    assert found() == "channels_untried"


def test_a_trial_of_the_channels_is_remembered_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, admins, heard = tmp_path / "home", tmp_path / "admins.json", Heard()
    people = [{"operator": code, "name": code, "password": PASSWORD} for code in ("A01", "A02")]
    admins.write_text(json.dumps(people), encoding="utf-8")
    assert main(["init", "--home", str(home), "--admins", str(admins)]) == 0
    with running(webhook(heard)) as port:
        words = f'\n[alerts]\nwecom_url = "http://127.0.0.1:{port}/"\nsyslog = "unix://{tmp_path}/nobody"\n'
        (home / "yj.toml").write_text((home / "yj.toml").read_text(encoding="utf-8") + words, encoding="utf-8")
        capsys.readouterr()
        assert main(["--home", str(home), "alarm", "test", "--json"]) == 1
        told = json.loads(capsys.readouterr().out)["channels"]  # and nothing else is on standard output
    assert [(one["channel"], one["ok"]) for one in told] == [("wecom", True), ("syslog", False)]
    assert "测试消息" in heard.bodies[0]["text"]["content"]
    main(["--home", str(home), "alarm", "list", "--json"])
    known = {one["name"]: one for one in json.loads(capsys.readouterr().out)["channels"]}
    assert known["wecom"]["last_ok_at"] and known["wecom"]["failures"] == 0
    assert known["syslog"]["last_try_at"] and known["syslog"]["error"] == "FileNotFoundError"


def test_a_channel_that_is_gone_or_works_is_no_longer_complained_of(hospital: Hospital, ways: list[Way]) -> None:
    for name in ("mail", "syslog"):
        alarms.sound(hospital.store, f"{alarms.CHANNEL}.{name}", "down", "发不出去。", "It is down.")
    Sending(hospital.store, ways, Pace()).look()  # mail works, syslog is not configured
    with hospital.store.reading() as tx:
        assert alarms.on(tx.conn) == []


def test_what_was_done_alone_and_not_signed_by_noon_is_an_alarm_until_it_is(hospital: Hospital) -> None:
    def on() -> bool:
        Upkeep(hospital.store, Policy(), lambda store, policy: None).look()
        with hospital.store.reading() as tx:
            return alarms.on(tx.conn, alarms.ALONE) != []

    with hospital.store.writing(Permit.HOUSEKEEPING, replace(ADMIN, alone="夜间一人")) as tx:
        second_person.require(tx, Policy(), "upload")
        entry = int(second_person.listed(tx)[0]["id"])
    assert not on()
    hospital.clock.advance(26 * 3600)
    assert on()
    with hospital.store.writing(Permit.HOUSEKEEPING, replace(ADMIN, operator_code="0802")) as tx:
        second_person.countersign(tx, entry, "已核实")
    assert not on()


def test_what_keeps_the_standby_from_working_is_an_alarm_until_it_is_mended(hospital: Hospital) -> None:
    ok = [False]

    def tried(store: Store, policy: Policy) -> Any:
        trial.note(store, ok[0], None if ok[0] else "nothing_to_charge", 0.01)

    def broken(store: Store, policy: Policy) -> None:
        raise KeyError("x")

    upkeep = Upkeep(hospital.store, Policy(), tried, broken)
    upkeep.look()  # tries
    upkeep.look()  # judges
    with hospital.store.reading() as tx:
        row = next(one for one in alarms.on(tx.conn) if one["subject"] == "ready.trial")
    assert (row["severity"], row["kind"]) == ("critical", "trial_failed") and "nothing_to_charge" in row["zh"]
    ok[0] = True
    upkeep.look()  # the last trial is some seconds old: not tried again
    hospital.clock.advance(301)
    upkeep.look()
    Upkeep(hospital.store, Policy(), broken, broken).look()  # whatever breaks, what was found is said
    with hospital.store.reading() as tx:
        assert "ready.trial" not in {one["subject"] for one in alarms.on(tx.conn)}
    ok[0] = False
    hospital.clock.advance(-86_400)  # a clock that is set back: tried again at once
    upkeep.look()
    upkeep.look()
    with hospital.store.reading() as tx:
        assert "ready.trial" in {one["subject"] for one in alarms.on(tx.conn)}

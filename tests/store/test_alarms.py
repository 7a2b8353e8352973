"""An alarm is said once, and a stop order holds until somebody takes it back."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, stop_orders
from fallback_server.store.audit import audit, verify
from fallback_server.store.session import Actor, Store
from tests.fixtures_hospital import Hospital

ADMIN = Actor("0801", "卫信息", frozenset({"admin"}))


def actions(store: Store) -> list[str]:
    with store.reading() as tx:
        assert verify(tx.conn)[1] == []
        return list(tx.conn.execute(select(audit.c.action).order_by(audit.c.sequence)).scalars())


def on(store: Store) -> list[tuple[str, str]]:
    with store.reading() as tx:
        return [(row["subject"], row["kind"]) for row in alarms.on(tx.conn)]


def test_an_alarm_is_said_once_and_taken_back_once(hospital: Hospital) -> None:
    store, before = hospital.store, actions(hospital.store)
    for _ in range(3):
        alarms.sound(store, "mirror.open", "held", "待确认", "held", run=7)
    assert on(store) == [("mirror.open", "held")]
    assert alarms.silence(store, "mirror.open") and not alarms.silence(store, "mirror.open")
    assert on(store) == [] and actions(store)[len(before) :] == ["alarm.on", "alarm.off"]


def test_another_kind_takes_its_place(hospital: Hospital) -> None:
    alarms.sound(hospital.store, "mirror.open", "held", "待确认", "held")
    assert alarms.sound(hospital.store, "mirror.open", "stuck", "卡住", "stuck")
    assert on(hospital.store) == [("mirror.open", "stuck")]


def test_two_alarms_for_one_subject_cannot_be(hospital: Hospital) -> None:
    row = {"subject": "centre", "kind": "lost", "zh": "x", "en": "x", "detail": {}, "opened_at": "x"}
    with pytest.raises(IntegrityError), hospital.store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(alarms.alarm.insert(), [row, row])


def test_a_stop_order_holds_until_it_is_taken_back(hospital: Hospital) -> None:
    store, before = hospital.store, actions(hospital.store)
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        first = stop_orders.stop(tx, "夜间重建索引")
        assert stop_orders.stop(tx, "又一次") == first
    with store.reading() as tx:
        found = stop_orders.stopped(tx.conn)
        assert found and (found["reason"], found["stopped_by"]) == ("夜间重建索引", "0801")
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        assert stop_orders.go(tx) and not stop_orders.go(tx)
    with store.reading() as tx:
        assert stop_orders.stopped(tx.conn) is None
    assert actions(store)[len(before) :] == ["mirror.stop", "mirror.go"]

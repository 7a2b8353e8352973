"""A centre that the worker looks at, and windows whose agents say whether they reach it, for the console's tests."""

from __future__ import annotations

import threading
from datetime import timedelta

from sqlalchemy import insert, update

from config.settings import Settings
from fallback_server.domain.clock import to_text
from fallback_server.domain.modes import Permit
from fallback_server.store.centre_history import MINUTE, centre_minute, centre_usual
from fallback_server.store.people import workstation
from sync.central.fake import FakeCentral
from sync.worker import Centre, Worker
from tests.fixtures_hospital import ADMIN, Hospital

NUMBERED_FROM = 100  # workstations of the cast have the numbers before


class Watched:
    """`looks` is what the worker does by its timetable; the clock moves on with it."""

    def __init__(self, hospital: Hospital, settings: Settings) -> None:
        self.hospital, self.centre = hospital, FakeCentral(hospital.clock)
        self.centre.delay_seconds = 0.021
        self.worker = Worker(hospital.store, Centre(lambda: self.centre), settings, threading.Event())

    def looks(self, times: int, *, yes: int = 0, no: int = 0) -> None:
        """So many looks, ten seconds apart; before each the windows are heard of."""
        for _ in range(times):
            self.hospital.clock.advance(10)
            self._beat(yes, no)
            self.worker.probe()

    def _beat(self, yes: int, no: int) -> None:
        with self.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            for number in range(yes + no):
                code, row = f"W1{number:03d}", {"last_seen_at": tx.at, "agent_seen_at": tx.at, "role": "cashier"}
                row |= {"agent_central_ok": number < yes, "epoch": tx.mode.epoch, "epoch_at": tx.at}
                if not tx.conn.execute(update(workstation).where(workstation.c.code == code).values(**row)).rowcount:
                    new = {"code": code, "number": NUMBERED_FROM + number, "first_seen_at": tx.at, **row}
                    tx.conn.execute(insert(workstation).values(**new))

    def lived(self) -> None:
        """A day of minutes with a bad quarter of an hour in it, and a fortnight of hours."""
        with self.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            for minute in range(1, 24 * 60):
                at = to_text(tx.now - timedelta(minutes=minute))
                bad = 300 <= minute < 315
                row = {
                    "minute": at[:MINUTE], "at": at, "seconds": None if bad else 0.05 + (minute * 37 % 90) / 1000,
                    "bad": 6 if bad else 0, "windows_no": 9 if bad else 0, "windows_known": 40,
                }  # fmt: skip
                tx.conn.execute(insert(centre_minute).values(**row))
            for day in range(1, 14):
                for step in ("tcp", "login", "read", "write"):
                    date = (tx.today - timedelta(days=day)).isoformat()
                    row = {"day": date, "hour": tx.now.hour, "step": step, "counts": {"8": 200, "9": 140, "11": 20}}
                    tx.conn.execute(insert(centre_usual).values(**row))

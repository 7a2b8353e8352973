"""The windows of the demo: every person a thread with a connection of their own, patients walking between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clients.console.demo.cast import Cast, Login
from clients.console.demo.desks import CashierDesk, Desk, DoctorDesk, NurseDesk, PharmacistDesk, RegistrarDesk
from clients.console.demo.journal import Journal
from clients.console.demo.plan import Case, Shelf
from clients.sdk import NoAnswer, Problem, YjClient, new_key

HEARTBEAT_SECONDS = 10.0
PATIENCE = 90.0  # a killed server is back within seconds; a window keeps its form and tries on
FLOAT = "300.00"
ROLES = ("registrar", "nurse", "doctor", "cashier", "pharmacist")


@dataclass
class Floor:
    """All windows. `paper` is the next receipt number that is really in each person's printer, as prefix + number."""

    address: str
    cast: Cast
    shelf: Shelf
    journal: Journal
    paper: Mapping[str, str]
    ca: Path | None = None
    clients: dict[str, YjClient] = field(default_factory=dict)
    shifts: dict[str, str] = field(default_factory=dict)
    desks: dict[str, list[Desk]] = field(default_factory=dict)
    _rooms: dict[str, queue.SimpleQueue[Case | None]] = field(default_factory=dict)
    _left: int = 0
    _count: threading.Condition = field(default_factory=threading.Condition)

    # -- morning and evening ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Everybody logs in, acknowledges the mode, opens the shift and compares the paper in the printer."""
        boss = self.cast.supervisors[0]
        kinds: tuple[tuple[str, type[Desk], list[Login]], ...] = (
            ("registrar", RegistrarDesk, self.cast.registrars), ("nurse", NurseDesk, self.cast.nurses),
            ("doctor", DoctorDesk, self.cast.doctors), ("cashier", CashierDesk, self.cast.cashiers),
            ("pharmacist", PharmacistDesk, self.cast.pharmacists),
        )  # fmt: skip
        for role, kind, people in kinds:
            self.desks[role] = [
                kind(self._seat(role, n, one), one, self.journal, self.shelf, boss) for n, one in enumerate(people, 1)
            ]
        for desk in [*self.desks["registrar"], *self.desks["cashier"]]:
            self._open_shift(desk)

    def _seat(self, role: str, number: int, who: Login) -> YjClient:
        client = YjClient(self.address, f"{role.upper()}-{number:02d}", patience=PATIENCE, ca=self.ca)
        client.log_in(who.person)
        client.heartbeat("triage" if role == "nurse" else role)  # the window's name, where that is not the person's
        self.clients[client.workstation] = client
        return client

    def _open_shift(self, desk: Desk) -> None:
        paper = self.paper.get(desk.who.code)
        opened = desk.client.open_shift({"float": FLOAT, "act_in_hand": None, "last_his_receipt_no": None})
        self.shifts[desk.who.code] = opened["id"]
        book = desk.client.receipt_book()
        printed = book["receipt_no"]
        if printed is None:
            return
        if paper is not None and paper > printed:
            # The centre went on printing after the last mirror: the numbers between are unknown until it is asked.
            printed = desk.client.confirm_receipt(paper)["receipt_no"]
            self.journal.act("receipt numbers confirmed")
        if desk.who == self.cast.cashiers[-1]:
            # And here two sheets more are gone, and nobody knows where: somebody will have to explain that.
            prefix = book["prefix"]
            desk.client.confirm_receipt(
                f"{prefix}{int(printed.removeprefix(prefix)) + 2:0{len(printed) - len(prefix)}d}"
            )
            self.journal.act("receipt numbers confirmed")

    def close_shifts(self) -> None:
        """Count the drawers and hand over; each drawer holds what the sheet says."""
        for desk in [*self.desks["registrar"], *self.desks["cashier"]]:
            sheet = desk.client.shift(self.shifts[desk.who.code])["sheet"]
            counted = [{"method": "cash", "amount": sheet["cash_due"]}]
            desk.client.close_shift(counted, key=new_key())
            self.journal.act("shift closed")

    def acknowledge(self) -> None:
        """Every window tells the standby that it knows the present mode."""
        for name, client in self.clients.items():
            client.heartbeat(name.split("-")[0].lower())

    def leave(self) -> None:
        """Close all connections."""
        for client in self.clients.values():
            client.close()

    # -- the day ---------------------------------------------------------------------------------------------------

    def work(self, cases: Iterable[tuple[str, Case]], progress: Callable[[int, int], None]) -> None:
        """Let every case walk from its first room to its last; returns when all have left."""
        self._rooms = {role: queue.SimpleQueue() for role in ROLES}
        started = list(cases)
        self._left = total = len(started)
        threads = [
            threading.Thread(target=self._sit, args=(role, desk), name=desk.client.workstation, daemon=True)
            for role in ROLES
            for desk in self.desks[role]
        ]
        beating = threading.Event()
        pulse = threading.Thread(target=self._beat, args=(beating,), name="heartbeats", daemon=True)
        for thread in [*threads, pulse]:
            thread.start()
        for room, case in started:
            self._rooms[room].put(case)
        self._wait(total, progress)
        for role in ROLES:
            for _ in self.desks[role]:
                self._rooms[role].put(None)
        beating.set()
        for thread in [*threads, pulse]:
            thread.join()

    def _wait(self, total: int, progress: Callable[[int, int], None]) -> None:
        while True:
            with self._count:
                self._count.wait(0.25)
                left = self._left
            progress(total - left, total)
            if left == 0:
                return

    def _sit(self, role: str, desk: Desk) -> None:
        room = self._rooms[role]
        while (case := room.get()) is not None:
            following: str | None = None
            try:
                following = self._serve(role, desk, case)
            except (Problem, NoAnswer) as error:
                self.journal.refuse(case.number, role, f"{desk.client.workstation}: {error}")
            # A window's thread must not die in silence, or its patients would wait for ever.
            except Exception as error:  # noqa: BLE001 - noted as a refusal, which fails the demo
                self.journal.refuse(case.number, role, f"{type(error).__name__}: {error}")
            if following is not None:
                self._rooms[following].put(case)
                continue
            with self._count:
                self._left -= 1
                self._count.notify()

    def _serve(self, role: str, desk: Desk, case: Case) -> str | None:
        """One patient at one window; returns where they go next, None for home."""
        if isinstance(desk, RegistrarDesk):
            desk.register(case)
            return None if case.wants("cancel") else "nurse"
        if isinstance(desk, NurseDesk):
            desk.call_in(case)
            return "cashier" if case.wants("paper") else "doctor"
        if isinstance(desk, DoctorDesk):
            desk.see(case)
            return "cashier"
        if isinstance(desk, CashierDesk):
            return self._at_the_cashier(desk, case)
        if isinstance(desk, PharmacistDesk):
            return self._at_the_pharmacy(desk, case)
        raise TypeError(f"nobody knows the desk {role}")

    def _at_the_cashier(self, desk: CashierDesk, case: Case) -> str | None:
        if case.returned:
            desk.refund_all(case, case.charges[-1])
            return None
        desk.settle(case)
        return "pharmacist" if case.prescriptions and not case.wants("refund_whole") else None

    def _at_the_pharmacy(self, desk: PharmacistDesk, case: Case) -> str | None:
        checker = next(one for one in self.cast.pharmacists if one.code != desk.who.code)
        desk.give(case, checker.code)
        if case.wants("taken_back"):
            desk.take_back(case)
            case.returned = True
            return "cashier"
        return None

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            for name, client in self.clients.items():
                try:
                    client.heartbeat(name.split("-")[0].lower())
                except (Problem, NoAnswer):
                    continue  # a heartbeat that is missed is made up for by the next

"""A window PC as one process: the hospital's agent, and a person who registers, charges and gives back.

The first line of its standard input is the plan as JSON: `server`, `ca`, `code` (of the enrolment), `station`, `role`,
`operator`, `password`, `folder`, `shift` (how wrong the PC's clock is, in seconds), `seed`. Then each line is a word:
`begin` logs in, `work N` does N visits, `try` does one that may be refused, `close` counts the drawer. Each is answered
by a line of JSON: `{done, documents, refused}`. Acts are sent again with their key until answered, as pages do.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from clients.agent import running
from clients.agent.place import Place
from clients.console.demo.desks import new_person, note_cancelled, note_charge, note_refund
from clients.console.demo.journal import Journal
from clients.console.demo.plan import Case
from clients.sdk import NoAnswer, Person, Problem, YjClient, new_key
from fallback_server.domain import clock

PATIENCE = 120.0
TIMEOUT = 30.0  # twelve log-ins at once take a busy machine some seconds; a cut cable costs a retransmission, no more


class Window:
    """The person at this PC."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.journal = Journal()
        self.refused: list[dict[str, str]] = []
        self._role = plan["role"]
        self._rng = random.Random(plan["seed"])
        self._client = YjClient(
            plan["server"], plan["station"], patience=PATIENCE, timeout=TIMEOUT, ca=Path(plan["ca"])
        )
        self._who = Person(plan["operator"], plan["password"])
        self._visits = 0
        self._shift = ""
        self._shelf: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None = None

    def work(self, visits: int) -> None:
        """So many patients; a refusal is noted and the next one called."""
        for _ in range(visits):
            self._visits += 1
            try:
                self._visit(Case(self._visits, frozenset(), self._rng))
            except (Problem, NoAnswer) as error:
                code = error.code if isinstance(error, Problem) else "no_answer"
                self.refused.append({"code": code, "words": str(error)})

    def begin(self) -> None:
        """Log in, learn what is sold, open the shift."""
        self._client.log_in(self._who, take_over=True)
        today = str(self._client.mode()["mirror"]["as_of"])[:10]
        slot = next(one for one in self._client.schedules() if one["date"] == today)
        kinds = {one["type_code"]: one for one in self._client.register_types()}
        fee = next(
            one for one in self._client.fee_items(limit=200) if one["active"] and 0 < Decimal(one["unit_price"]) < 99
        )
        self._shelf = (slot, kinds[slot["type_code"]], fee)
        opened = self._client.open_shift({"float": "100.00", "act_in_hand": None, "last_his_receipt_no": None})
        self._shift = opened["id"]

    def close(self) -> None:
        """The drawer holds what the sheet says."""
        due = self._client.shift(self._shift)["sheet"]["cash_due"]
        self._client.close_shift([{"method": "cash", "amount": due}], key=new_key())

    def _visit(self, case: Case) -> None:
        assert self._shelf is not None
        slot, kind, fee = self._shelf
        person = self._client.create_patient(new_person(case), key=new_key())
        self.journal.add(person["id"], "patient")
        price = str(Decimal(kind["registration_fee"]) + Decimal(kind["consultation_fee"]))
        paid = [{"method": "cash", "amount": price}] if price != "0.00" else []
        visit = self._client.register(
            {
                "patient_id": person["id"], "department_code": slot["department_code"], "payments": paid,
                "type_code": kind["type_code"],
            },
            key=new_key(),
        )  # fmt: skip
        self.journal.add(visit["id"], "registration")
        note_charge(self.journal, visit["charge"])
        if self._role == "cashier":
            self._charge(case, visit, fee)
        elif case.number % 3 == 0:
            key = new_key()
            reason = {"reason": "病人要求退号"}
            note_cancelled(self.journal, key, self._client.cancel_registration(visit["id"], reason, key=key))

    def _charge(self, case: Case, visit: dict[str, Any], fee: dict[str, Any]) -> None:
        basket = {"registration_id": visit["id"], "lines": [{"item_code": fee["item_code"], "quantity": 1}]}
        total = self._client.quote(basket)["total"]
        pay = {**basket, "expected_total": total, "payments": [{"method": "cash", "amount": total}]}
        charge = self._client.charge(pay, key=new_key())
        note_charge(self.journal, charge)
        if case.number % 3 == 0:
            note_refund(self.journal, self._client.refund(charge["id"], {"reason": "病人不做了"}, key=new_key()))

    def told(self) -> dict[str, Any]:
        """What was acknowledged so far."""
        documents = [
            {"yj_id": one.yj_id, "entity": one.entity, "amount": str(one.amount), "receipt_no": one.receipt_no}
            for one in self.journal.documents.values()
        ]
        return {"documents": documents, "refused": self.refused, "sent_again": self._client.retries}


def shift_clock(seconds: float) -> None:
    """This PC's clock is wrong by so much; nothing that is not its own notices."""
    real = clock.SystemClock.now

    def now(self: clock.SystemClock) -> datetime:
        return real(self) + timedelta(seconds=seconds)

    clock.SystemClock.now = now  # type: ignore[method-assign]


def serve(plan: dict[str, Any]) -> None:
    """Do what is said until nothing more is, then end the agent too."""
    window = Window(plan)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        try:
            if word == "begin":
                window.begin()
            elif word == "close":
                window.close()
            else:
                window.work(int(number or 1))
            said: dict[str, Any] = {"done": word, **window.told()}
        except Exception as error:  # noqa: BLE001 - the edge of this thread: told to the test, which fails
            said = {"done": word, "broken": f"{type(error).__name__}: {error}", **window.told()}
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Enrol, then be an agent with a person beside it."""
    plan = json.loads(sys.stdin.readline())
    shift_clock(plan["shift"])
    place = Place(Path(plan["folder"]))
    place.folder.mkdir(parents=True, exist_ok=True)
    place.configuration.write_text("action = []\n", encoding="utf-8")  # no screen here: it follows and acknowledges
    ca = Path(plan["ca"])
    running.enrol(place, plan["server"], plan["code"], ca)
    sys.stdout.write("enrolled\n")
    sys.stdout.flush()
    threading.Thread(target=serve, args=(plan,), daemon=True).start()
    running.run(place, running.Wish(None, None, plan["role"], ca))


if __name__ == "__main__":
    main()

"""What each role does for one patient, through the API alone. A desk belongs to one person at one workstation."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clients.console.demo.cast import Login
from clients.console.demo.journal import Journal
from clients.console.demo.plan import Case, Shelf
from clients.sdk import YjClient, new_key

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = ("安然", "子墨", "梓萱", "一鸣", "思远", "若溪", "浩然", "语桐", "佳宁", "文博")


@dataclass
class Desk:
    """One window with the person at it."""

    client: YjClient
    who: Login
    journal: Journal
    shelf: Shelf
    supervisor: Login


class RegistrarDesk(Desk):
    """挂号."""

    def register(self, case: Case) -> None:
        """Find or create the patient, register, print the slip; cancel or transfer where the case wants it."""
        case.patient = self._patient(case)
        slot = case.rng.choice(self.shelf.slots)
        case.department = slot["department_code"]
        key = new_key()
        answer = self.client.register(
            {
                "patient_id": case.patient["id"], "department_code": case.department, "staff_code": slot["staff_code"],
                "type_code": slot["type_code"], "schedule_id": slot["schedule_id"], "session": slot["session"],
                "visit_kind": "emergency" if case.wants("emergency") else "outpatient",
                "payments": pay(case, self._fee(slot["type_code"])),
            },
            key=key,
        )  # fmt: skip
        case.visit = answer
        self.journal.add(answer["id"], "registration")
        note_charge(self.journal, answer["charge"])
        if case.wants("cancel"):
            self._cancel(case)
        elif case.wants("transfer"):
            self._transfer(case)

    def _fee(self, type_code: str) -> Decimal:
        kind = self.shelf.types[type_code]
        return Decimal(kind["registration_fee"]) + Decimal(kind["consultation_fee"])

    def _patient(self, case: Case) -> dict[str, Any]:
        if not case.wants("new_patient"):
            known = self.shelf.next_patient(insured=case.wants("insured"))
            found = self.client.find_patients(known["patient_no"])
            return next(one for one in found if one["id"] == known["id"])
        body = new_person(case)
        key = new_key()
        made = self.client.create_patient(body, key=key)
        self.journal.add(made["id"], "patient")
        return {**body, **made}

    def _cancel(self, case: Case) -> None:
        key = new_key()
        answer = self.client.cancel_registration(case.visit["id"], {"reason": "病人要求退号"}, key=key)
        note_cancelled(self.journal, key, answer)

    def _transfer(self, case: Case) -> None:
        others = [slot for slot in self.shelf.slots if slot["department_code"] != case.department]
        slot = case.rng.choice(others)
        key = new_key()
        body = {"department_code": slot["department_code"], "staff_code": slot["staff_code"]}
        self.client.transfer_registration(case.visit["id"], body, key=key)
        self.journal.add(key, "registration_transfer")
        case.department = slot["department_code"]


class NurseDesk(Desk):
    """分诊."""

    def call_in(self, case: Case) -> None:
        """Resume the paused patient and call them."""
        for status in ("waiting", "called"):
            self.client.move_in_queue(case.visit["id"], status)
            self.journal.act("queue")


class DoctorDesk(Desk):
    """医生."""

    def see(self, case: Case) -> None:
        """Diagnosis, prescription, sometimes orders; a slip of the pen is cancelled and written again."""
        if case.wants("rewritten"):
            wrong = self._prescribe(case)
            key = new_key()
            self.client.cancel_prescription(wrong["id"], "开错药", key=key)
            self.journal.add(key, "prescription_cancel")
        if not case.wants("paper"):
            case.prescriptions.append(self._prescribe(case))
        if case.rng.random() < 0.45:
            case.orders.append(self._order(case))

    def _prescribe(self, case: Case) -> dict[str, Any]:
        key = new_key()
        answer = self.client.prescribe({"registration_id": case.visit["id"], **medicine(case, self.shelf)}, key=key)
        self.journal.add(answer["id"], "prescription")
        return answer

    def _order(self, case: Case) -> dict[str, Any]:
        fees = case.rng.sample(self.shelf.fees, case.rng.randint(1, 3))
        lines = [{"item_code": fee["item_code"], "quantity": 1} for fee in fees]
        answer = self.client.order({"registration_id": case.visit["id"], "lines": lines}, key=new_key())
        self.journal.add(answer["id"], "order")
        return answer


class CashierDesk(Desk):
    """收费."""

    def settle(self, case: Case) -> None:
        """Take the money for everything the visit has; print; what went wrong is put right."""
        if case.wants("paper"):
            case.prescriptions.append(self._key_in(case))
        if case.wants("walk_in"):
            case.patient = self.shelf.next_patient(insured=False)
        charge = self._charge(case)
        case.charges.append(charge)
        self.client.print_charge(charge["id"])
        self.journal.act("receipt print")
        if case.wants("jam") and charge["receipt_no"]:
            self._reissue(charge)
        if case.wants("refund_part"):
            self._refund_part(case, charge)
        if case.wants("refund_whole"):
            self.refund_all(case, charge)
        if case.wants("torn"):
            self._torn_sheet()

    def open_work(self, case: Case) -> None:
        """Charge what the centre had left unpaid: the papers are in the case already."""
        self.settle(case)

    def refund_all(self, case: Case, charge: dict[str, Any]) -> None:
        """Give back all that remains, with the second person where the limit wants one."""
        body: dict[str, Any] = {"reason": "病人退药"}
        if Decimal(charge["total"]) > 100:
            body["approver"] = self.supervisor.person.payload()
        answer = self.client.refund(charge["id"], body, key=new_key())
        note_refund(self.journal, answer)

    def _charge(self, case: Case) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "prescription_ids": [one["id"] for one in case.prescriptions],
            "order_ids": [one["id"] for one in case.orders],
        }
        if case.visit:
            wanted["registration_id"] = case.visit["id"]
        else:
            wanted["patient_id"] = case.patient["id"]
        if case.wants("walk_in"):
            wanted["lines"] = [{"item_code": case.rng.choice(self.shelf.fees)["item_code"], "quantity": 2}]
        quote = self.client.quote(wanted)
        total = Decimal(quote["total"])
        body = {**wanted, "expected_total": quote["total"], "payments": pay(case, total)}
        answer = self.client.charge(body, key=new_key())
        note_charge(self.journal, answer)
        return answer

    def _key_in(self, case: Case) -> dict[str, Any]:
        doctor = case.rng.choice([slot for slot in self.shelf.slots if slot["department_code"] == case.department])
        body = {
            "registration_id": case.visit["id"], **medicine(case, self.shelf),
            "paper": {"staff_code": doctor["staff_code"], "written_at": case.visit["registered_at"]},
        }  # fmt: skip
        answer = self.client.prescribe(body, key=new_key())
        self.journal.add(answer["id"], "prescription")
        return answer

    def _reissue(self, charge: dict[str, Any]) -> None:
        key = new_key()
        self.client.reissue(charge["id"], "打印机卡纸", key=key)
        self.journal.add(key, "receipt_event")
        self.client.print_charge(charge["id"])
        self.journal.act("receipt print")

    def _refund_part(self, case: Case, charge: dict[str, Any]) -> None:
        line = max(charge["lines"], key=lambda one: int(one["quantity"]))
        body: dict[str, Any] = {
            "lines": [{"line_id": line["line_id"], "quantity": 1}], "reason": "药房缺货",
            "approver": self.supervisor.person.payload(),
        }  # fmt: skip
        note_refund(self.journal, self.client.refund(charge["id"], body, key=new_key()))

    def _torn_sheet(self) -> None:
        number = self.client.receipt_book()["receipt_no"]
        key = new_key()
        self.client.void_receipts(number, number, "票据破损", key=key)
        self.journal.add(key, "receipt_event")


class PharmacistDesk(Desk):
    """药房."""

    def give(self, case: Case, checker: str) -> None:
        """Print the prescriptions of a visit and hand them over; some come back before they are refunded."""
        for paper in case.prescriptions:
            self.client.print_prescription(paper["id"])
            self.journal.act("prescription print")
            answer = self.client.hand_over(paper["id"], {"checked_by": checker}, key=new_key())
            self.journal.add(answer["id"], "dispense_note")

    def take_back(self, case: Case) -> None:
        """The drugs come back; only then can they be refunded."""
        for paper in case.prescriptions:
            answer = self.client.take_back(paper["id"], {"reason": "病人退药"}, key=new_key())
            self.journal.add(answer["id"], "dispense_note")


# ------------------------------------------------------------------------------------------------ shared by the desks
def medicine(case: Case, shelf: Shelf) -> dict[str, Any]:
    """A Western prescription of one to four drugs."""
    drugs = case.rng.sample(shelf.drugs, case.rng.randint(1, 4))
    lines = [
        {"drug_code": drug["drug_code"], "quantity": case.rng.randint(2, 3), "dose": "1", "dose_unit": "片", "days": 3}
        for drug in drugs
    ]
    return {"kind": "western", "diagnoses": [case.rng.choice(shelf.diagnoses)["diagnosis_code"]], "lines": lines}


def pay(case: Case, total: Decimal) -> list[dict[str, str]]:
    """How this patient pays: cash with change, a scan with its voucher number, or both; nothing for nothing."""
    if total == 0:
        return []
    voucher = f"42{case.number:06d}{case.rng.randrange(10**8):08d}"
    if case.wants("in_doubt"):
        return [{"method": "wechat", "amount": text(total), "reference": voucher, "state": "in_doubt"}]
    dice = case.rng.random()
    if dice < 0.35:
        return [{"method": "cash", "amount": text(total), "tendered": text((total // 50 + 1) * 50)}]
    if dice < 0.5 and total > 2:
        scanned = (total / 2).quantize(Decimal("0.01"))
        return [
            {"method": "alipay", "amount": text(scanned), "reference": voucher},
            {"method": "cash", "amount": text(total - scanned), "tendered": text(total - scanned)},
        ]
    method = case.rng.choice(("wechat", "wechat", "alipay", "bank_card"))
    return [{"method": method, "amount": text(total), "reference": voucher}]


def text(amount: Decimal) -> str:
    """Money as the API wants it."""
    return format(amount.quantize(Decimal("0.01")), "f")


def new_person(case: Case) -> dict[str, Any]:
    """Somebody the hospital does not know, with a valid id number of their own."""
    year, month, day = case.rng.randint(1950, 2005), case.rng.randint(1, 12), case.rng.randint(1, 28)
    sex = case.rng.choice("MF")
    serial = case.rng.randrange(0, 499) * 2 + (1 if sex == "M" else 0)
    body = f"440106{year}{month:02d}{day:02d}{serial:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]
    return {
        "name": case.rng.choice(SURNAMES) + case.rng.choice(GIVEN), "sex": sex,
        "birth_date": f"{year}-{month:02d}-{day:02d}", "id_type": "01", "id_no": body + check,
        "phone": f"139{case.rng.randrange(10**8):08d}",
    }  # fmt: skip


def note_charge(journal: Journal, charge: dict[str, Any] | None) -> None:
    """A charge the window was told of."""
    if charge is not None:
        journal.add(charge["id"], "charge", charge["total"], charge.get("receipt_no"))


def note_refund(journal: Journal, refund: dict[str, Any]) -> None:
    """A refund the window was told of."""
    journal.add(refund["id"], "refund", refund["total"])


def note_cancelled(journal: Journal, key: str, answer: dict[str, Any]) -> None:
    """A registration given back: the cancellation and, where there was a fee, its refund."""
    journal.add(key, "registration_cancel")
    refund = answer.get("refund")
    if refund is not None:
        note_refund(journal, refund)

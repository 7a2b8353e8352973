"""The standby's API in words, for the demo, tests, load tools and the agent; how it is sent is in transport.py.

A creating call mints the act's ULID, or takes one. Imports neither Flask nor SQLAlchemy and runs on a window PC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote as quoted

from clients.transport import Answer, Body, LoggedIn, NoAnswer, Person, Problem, Transport, new_key

__all__ = ["LoggedIn", "NoAnswer", "Person", "Problem", "YjClient", "new_key"]


class YjClient(Transport):
    """One workstation's connection to the standby, a method for each thing a window does.

    Every method raises Problem (refused) or NoAnswer (not answered within the patience).
    """

    # -- log-in and mode -------------------------------------------------------------------------------------------

    def log_in(self, person: Person, *, take_over: bool = False) -> LoggedIn:
        """Open a session at this workstation; every later call is made as this person."""
        body = {**person.payload(), "workstation": self.workstation, "take_over": take_over}
        answer = self.post("/session", body, keyed=False)
        who = answer["operator"]
        self.person = LoggedIn(answer["token"], answer["expires_at"], who["code"], who["name"], tuple(who["roles"]))
        return self.person

    def mode(self) -> Answer:
        """Mode, epoch, scope, age of the data; needs no log-in."""
        return self.get("/mode")

    def mode_events(self) -> Iterator[Answer | None]:
        """The mode at once and at every change, None while the server behind the door is away; needs no log-in.

        One connection: raises NoAnswer when it is cut, Problem (501) where there is no front door.
        """
        for name, data in self.listen("/mode/events"):
            yield data if name == "message" else None

    def heartbeat(
        self, role: str | None = None, *, version: str | None = None, central_ok: bool | None = None
    ) -> Answer:
        """Acknowledge the present epoch, which later acts then carry. Returns the mode."""
        state = self.mode()
        self.epoch = int(state["epoch"])
        body = {
            "workstation": self.workstation,
            "role": role,
            "epoch": self.epoch,
            "central_ok": central_ok,
            "version": version,
        }
        self.post("/workstations/heartbeat", body, keyed=False)
        return state

    def switch_on(
        self,
        cause: str,
        reason: str,
        *,
        departments: Sequence[str] | None = None,
        drill: bool = False,
        key: str | None = None,
    ) -> Answer:
        """Enter YJ mode (admin, duty)."""
        body: dict[str, Any] = {"cause": cause, "reason": reason, "drill": drill}
        if departments is not None:
            body["departments"] = list(departments)
        return self.post("/mode/emergency", body, key=key)

    def switch_back(self, approver: Person, *, upload: bool, key: str | None = None) -> Answer:
        """Begin the return, with a second person."""
        return self.post("/mode/normal", {"upload": upload, "approver": approver.payload()}, key=key)

    # -- masters and patients --------------------------------------------------------------------------------------

    def drugs(self, q: str = "", *, limit: int | None = None) -> list[Answer]:
        """Search drugs."""
        return list(self.get("/drugs", q=q, limit=limit)["items"])

    def fee_items(self, q: str = "", *, limit: int | None = None) -> list[Answer]:
        """Search fee items."""
        return list(self.get("/fee-items", q=q, limit=limit)["items"])

    def diagnoses(self, q: str = "", *, limit: int | None = None) -> list[Answer]:
        """Search diagnoses."""
        return list(self.get("/diagnoses", q=q, limit=limit)["items"])

    def register_types(self) -> list[Answer]:
        """All registration types with their fees."""
        return self.all_items("/register-types")

    def schedules(self, q: str = "") -> list[Answer]:
        """All schedules."""
        return self.all_items("/schedules", q=q or None)

    def find_patients(self, q: str, *, limit: int | None = None) -> list[Answer]:
        """Patients by name, initials, card, number, phone tail, id number, guardian's phone."""
        return list(self.get("/patients", q=q, limit=limit)["items"])

    def patient(self, patient_id: str) -> Answer:
        """One patient."""
        return self.get(f"/patients/{quoted(patient_id)}")

    def create_patient(self, patient: Body, *, key: str | None = None) -> Answer:
        """A new patient archive."""
        return self.post("/patients", patient, key=key)

    # -- visits ----------------------------------------------------------------------------------------------------

    def register(self, registration: Body, *, key: str | None = None) -> Answer:
        """A registration with its charge."""
        return self.post("/registrations", registration, key=key)

    def registrations(self, **query: Any) -> list[Answer]:
        """Registrations by patient_id, slip_no, department_code, staff_code, status."""
        return list(self.get("/registrations", **query)["items"])

    def registration(self, registration_id: str) -> Answer:
        """One visit with its prescriptions, orders, charges."""
        return self.get(f"/registrations/{quoted(registration_id)}")

    def cancel_registration(self, registration_id: str, body: Body, *, key: str | None = None) -> Answer:
        """退号: refunds the fee and frees the number."""
        return self.post(f"/registrations/{quoted(registration_id)}/cancel", body, key=key)

    def transfer_registration(self, registration_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Move a visit to another department."""
        return self.post(f"/registrations/{quoted(registration_id)}/transfer", body, key=key)

    def prescribe(self, prescription: Body, *, key: str | None = None) -> Answer:
        """A prescription."""
        return self.post("/prescriptions", prescription, key=key)

    def prescriptions(self, **query: Any) -> list[Answer]:
        """Prescriptions by registration_id, patient_id, status."""
        return list(self.get("/prescriptions", **query)["items"])

    def cancel_prescription(self, prescription_id: str, reason: str, *, key: str | None = None) -> Answer:
        """Void an unpaid prescription."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/cancel", {"reason": reason}, key=key)

    def order(self, order: Body, *, key: str | None = None) -> Answer:
        """An exam or laboratory request."""
        return self.post("/orders", order, key=key)

    # -- money -----------------------------------------------------------------------------------------------------

    def quote(self, body: Body) -> Answer:
        """What would have to be paid; changes nothing."""
        return self.post("/charges/quote", body, keyed=False)

    def charge(self, body: Body, *, key: str | None = None) -> Answer:
        """Take money."""
        return self.post("/charges", body, key=key)

    def refund(self, charge_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Give money back, whole or part; `approver` in the body above the hospital's limit."""
        return self.post(f"/charges/{quoted(charge_id)}/refund", body, key=key)

    def reissue(self, charge_id: str, reason: str, *, key: str | None = None) -> Answer:
        """The receipt did not come out: the next number, the old one void."""
        return self.post(f"/charges/{quoted(charge_id)}/reissue", {"reason": reason}, key=key)

    def print_charge(self, charge_id: str, *, key: str | None = None) -> Answer:
        """Count a print."""
        return self.post(f"/charges/{quoted(charge_id)}/prints", key=key)

    def receipt_book(self) -> Answer:
        """The own book with the next number."""
        return self.get("/receipt-book")

    def confirm_receipt(self, next_no: int | str, *, key: str | None = None) -> Answer:
        """The paper in the printer shows another number, further on."""
        return self.post("/receipt-book/confirm", {"next_no": next_no}, key=key)

    def void_receipts(self, from_no: int | str, to_no: int | str, reason: str, *, key: str | None = None) -> Answer:
        """Spoiled numbers."""
        return self.post("/receipt-book/void", {"from_no": from_no, "to_no": to_no, "reason": reason}, key=key)

    def open_shift(self, body: Body, *, key: str | None = None) -> Answer:
        """Open the own shift."""
        return self.post("/shifts/open", body, key=key)

    def close_shift(self, counted: Sequence[Body], *, key: str | None = None) -> Answer:
        """Close the own shift; the answer is the hand-over sheet."""
        return self.post("/shifts/close", {"counted": [dict(line) for line in counted]}, key=key)

    def shift(self, shift_id: str) -> Answer:
        """A shift with its sheet, as it stands."""
        return self.get(f"/shifts/{quoted(shift_id)}")

    # -- pharmacy and triage ---------------------------------------------------------------------------------------

    def print_prescription(self, prescription_id: str, *, key: str | None = None) -> Answer:
        """Count a print of a prescription."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/prints", key=key)

    def take_back(self, prescription_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Drugs came back to the pharmacy; only then can they be refunded."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/return", body, key=key)

    def hand_over(self, prescription_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Drugs were given out on paper."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/handover", body, key=key)

    def move_in_queue(self, registration_id: str, status: str, *, key: str | None = None) -> Answer:
        """Waiting, paused, called, seen, absent."""
        return self.post(f"/triage/queue/{quoted(registration_id)}", {"status": status}, key=key)

    # -- console ---------------------------------------------------------------------------------------------------

    def mirror(self) -> Answer:
        """Datasets, ages, runs."""
        return self.get("/mirror")

    def run_mirror(self, body: Body | None = None, *, key: str | None = None) -> Answer:
        """Ask the worker for a mirror run."""
        return self.post("/mirror/runs", body, key=key)

    def job(self, job_id: int | str) -> Answer:
        """What became of something asked of the worker."""
        return self.get(f"/jobs/{job_id}")

    def incidents(self) -> list[Answer]:
        """All incidents."""
        return list(self.get("/incidents")["items"])

    def incident(self, number: int) -> Answer:
        """One incident with its timeline."""
        return self.get(f"/incidents/{number}")

    def confirm_incident(self, number: int, *, key: str | None = None) -> Answer:
        """The second person's confirmation after the switch."""
        return self.post(f"/incidents/{number}/confirm", key=key)

    def upload_state(self, number: int) -> Answer:
        """How far the return is."""
        return self.get(f"/incidents/{number}/upload")

    def upload(self, number: int, *, dry_run: bool = False, key: str | None = None) -> Answer:
        """Ask the worker for an upload run."""
        return self.post(f"/incidents/{number}/upload", {"dry_run": dry_run}, key=key)

    def conflicts(self, number: int) -> list[Answer]:
        """The queue of decisions."""
        return list(self.get(f"/incidents/{number}/conflicts")["items"])

    def resolve(
        self,
        conflict_id: int | str,
        decision: str,
        note: str,
        *,
        central_key: str | None = None,
        approver: Person | None = None,
        key: str | None = None,
    ) -> Answer:
        """Decide a conflict; `central_key` says which row at the centre a link means."""
        body: dict[str, Any] = {"decision": decision, "note": note}
        if central_key is not None:
            body["central_key"] = central_key
        if approver is not None:
            body["approver"] = approver.payload()
        return self.post(f"/conflicts/{conflict_id}/resolve", body, key=key)

    def reconciliation(self, number: int) -> Answer:
        """The account of an incident."""
        return self.get(f"/incidents/{number}/reconciliation")

    def reconcile(self, number: int, *, key: str | None = None) -> Answer:
        """Ask the worker for a fresh account."""
        return self.post(f"/incidents/{number}/reconciliation", key=key)

    def explain(self, number: int, difference_id: int | str, note: str, *, key: str | None = None) -> Answer:
        """Explain a difference."""
        return self.post(f"/incidents/{number}/differences/{difference_id}/explain", {"note": note}, key=key)

    def sign(self, number: int, as_: str, *, key: str | None = None) -> Answer:
        """Sign the account as `it` or `finance`."""
        return self.post(f"/incidents/{number}/sign", {"as": as_}, key=key)

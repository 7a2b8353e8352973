"""Typed HTTP client of the standby, for the demo, tests, load tools and the agent.

A creating call mints the act's ULID (or takes one), and sends the same act with the same key again while the standby
does not answer or says that it is busy: the answer is then the one of the first time (2-contract, Idempotency).
Imports neither Flask nor SQLAlchemy and runs on a window PC.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote as quoted

import httpx
from ulid import ULID

API: Final = "/api/v1"
Body = Mapping[str, Any]
Answer = dict[str, Any]

FIRST_WAIT: Final = 0.05
LONGEST_WAIT: Final = 1.0
RETRIED_STATUS: Final = frozenset({502, 503, 504})


def new_key() -> str:
    """A fresh identity of a human act; minted when the form is opened, sent with every try."""
    return str(ULID())


class Problem(Exception):
    """A refusal by the standby (RFC 9457). `code` is stable; `detail` is for staff, `hint` for IT."""

    def __init__(
        self, status: int, code: str, detail: str, hint: str = "", params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}" + (f" ({hint})" if hint else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.params: dict[str, Any] = dict(params or {})


class NoAnswer(Exception):
    """The standby did not answer within the patience of this client; the act may or may not have been done.

    `key` is the act's key: sending it again later, with the same body, is always safe.
    """

    def __init__(self, detail: str, key: str | None) -> None:
        super().__init__(detail)
        self.key = key


@dataclass(frozen=True)
class Person:
    """Somebody with a password: who logs in, or the second person of an act."""

    operator: str
    password: str = field(repr=False)

    def payload(self) -> dict[str, str]:
        """As the API wants an approver."""
        return {"operator": self.operator, "password": self.password}


@dataclass(frozen=True)
class LoggedIn:
    """What a log-in gave."""

    token: str = field(repr=False)
    expires_at: str
    code: str
    name: str
    roles: tuple[str, ...]


def retry_wait(attempt: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds before try number `attempt` + 1 (from 1): doubling from 50 ms to 1 s, with jitter against a stampede."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 10)) * (0.5 + jitter() / 2))


class YjClient:
    """One workstation's connection to the standby; safe to use from one thread at a time.

    `patience` is how long (seconds) one act is repeated before `NoAnswer`; look-ups share it. Proxies of the
    environment are ignored: the standby is on the hospital's own network.
    """

    def __init__(
        self,
        base_url: str,
        workstation: str,
        *,
        patience: float = 30.0,
        timeout: float = 10.0,
        language: str = "zh-CN",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.workstation = workstation
        self.patience = patience
        self.person: LoggedIn | None = None
        self.epoch: int | None = None
        self.retries = 0  # how often an act or a look-up had to be sent again
        self._stopped = threading.Event()
        self._http = httpx.Client(
            base_url=self.base_url, timeout=timeout, trust_env=False, transport=transport,
            headers={"Accept-Language": language, "User-Agent": f"his-yj-sdk ({workstation})"},
        )  # fmt: skip

    def __enter__(self) -> YjClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up waiting, if somebody waits, and close the connection."""
        self._stopped.set()
        self._http.close()

    # -- the two ways to talk --------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Answer:
        """A look-up; parameters that are None are left out. Raises Problem or NoAnswer."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=wanted)

    def post(self, path: str, body: Body | None = None, *, key: str | None = None, keyed: bool = True) -> Answer:
        """An act. With `keyed` it carries `key` or a fresh one, the same in every try. Raises Problem or NoAnswer."""
        act = (key or new_key()) if keyed else None
        return self._send("POST", path, body=body or {}, key=act)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Body | None = None,
        key: str | None = None,
    ) -> Answer:
        deadline = time.monotonic() + self.patience
        content = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(
                    method, f"{API}{path}", params=params, content=content, headers=self._headers(method, key)
                )
            except httpx.TransportError as error:
                # A POST without a key may have been done: only those that replace what was before are sent again.
                trouble = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in RETRIED_STATUS:
                    return self._read(response)
                trouble = f"HTTP {response.status_code}"
                if time.monotonic() >= deadline:
                    return self._read(response)
            if time.monotonic() >= deadline or self._stopped.is_set():
                raise NoAnswer(f"{method} {path}: {trouble} (tried {attempt} times)", key)
            self.retries += 1
            self._stopped.wait(retry_wait(attempt))

    def _headers(self, method: str, key: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.person is not None:
            headers["Authorization"] = f"Bearer {self.person.token}"
        if method == "POST":
            headers["Content-Type"] = "application/json"
            if key is not None:
                headers["Idempotency-Key"] = key
            if self.epoch is not None:
                headers["YJ-Epoch"] = str(self.epoch)
        return headers

    def _read(self, response: httpx.Response) -> Answer:
        try:
            data = response.json()
        except ValueError:
            data = None
        if response.is_success and isinstance(data, dict):
            return data
        if not isinstance(data, dict):
            raise Problem(response.status_code, "not_json", response.text[:200], "Is this address a standby?")
        raise Problem(
            response.status_code, str(data.get("code", "unknown")), str(data.get("detail", data)),
            str(data.get("hint", "")), data.get("params"),
        )  # fmt: skip

    def all_items(self, path: str, **query: Any) -> list[Answer]:
        """Every item of a list, page by page."""
        items: list[Answer] = []
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return items

    # -- log-in and mode -------------------------------------------------------------------------------------------

    def log_in(self, person: Person, *, take_over: bool = False) -> LoggedIn:
        """Open a session at this workstation; every later call is made as this person."""
        body = {**person.payload(), "workstation": self.workstation, "take_over": take_over}
        answer = self.post("/session", body, keyed=False)
        who = answer["operator"]
        self.person = LoggedIn(answer["token"], answer["expires_at"], who["code"], who["name"], tuple(who["roles"]))
        return self.person

    def log_out(self) -> None:
        """End the session; nothing happens without one."""
        if self.person is not None:
            self.post("/session/end", keyed=False)
            self.person = None

    def mode(self) -> Answer:
        """Mode, epoch, scope, age of the data; needs no log-in."""
        return self.get("/mode")

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

    def workstations(self) -> list[Answer]:
        """Roll call."""
        return list(self.get("/workstations")["items"])

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

    def set_scope(self, departments: Sequence[str] | None, reason: str, *, key: str | None = None) -> Answer:
        """Change which departments are in YJ; None is the whole hospital."""
        wanted = list(departments) if departments is not None else None
        return self.post("/mode/scope", {"departments": wanted, "reason": reason}, key=key)

    def switch_back(self, approver: Person, *, upload: bool, key: str | None = None) -> Answer:
        """Begin the return, with a second person."""
        return self.post("/mode/normal", {"upload": upload, "approver": approver.payload()}, key=key)

    def release(self, reason: str, *, key: str | None = None) -> Answer:
        """Send the windows back to the HIS now."""
        return self.post("/mode/release", {"reason": reason}, key=key)

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

    def departments(self) -> list[Answer]:
        """All departments."""
        return self.all_items("/departments")

    def register_types(self) -> list[Answer]:
        """All registration types with their fees."""
        return self.all_items("/register-types")

    def schedules(self, q: str = "") -> list[Answer]:
        """All schedules."""
        return self.all_items("/schedules", q=q or None)

    def dictionary(self, name: str) -> list[Answer]:
        """All codes of a dictionary."""
        return list(self.get(f"/dictionaries/{quoted(name)}")["items"])

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

    def orders(self, **query: Any) -> list[Answer]:
        """Orders by registration_id, patient_id, status."""
        return list(self.get("/orders", **query)["items"])

    def cancel_order(self, order_id: str, reason: str, *, key: str | None = None) -> Answer:
        """Void an unpaid order."""
        return self.post(f"/orders/{quoted(order_id)}/cancel", {"reason": reason}, key=key)

    # -- money -----------------------------------------------------------------------------------------------------

    def quote(self, body: Body) -> Answer:
        """What would have to be paid; changes nothing."""
        return self.post("/charges/quote", body, keyed=False)

    def charge(self, body: Body, *, key: str | None = None) -> Answer:
        """Take money."""
        return self.post("/charges", body, key=key)

    def charges(self, **query: Any) -> list[Answer]:
        """Charges and refunds."""
        return list(self.get("/charges", **query)["items"])

    def charge_of(self, charge_id: str) -> Answer:
        """One charge."""
        return self.get(f"/charges/{quoted(charge_id)}")

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

    def issue_book(self, operator: str, prefix: str, start_no: int, end_no: int, *, key: str | None = None) -> Answer:
        """A new receipt book for an operator (supervisor)."""
        body = {"operator": operator, "prefix": prefix, "start_no": start_no, "end_no": end_no}
        return self.post("/receipt-books", body, key=key)

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

    def pharmacy_list(self, *, state: str | None = None, pharmacy_code: str | None = None) -> list[Answer]:
        """Prescriptions for the pharmacy."""
        return list(self.get("/pharmacy/prescriptions", state=state, pharmacy_code=pharmacy_code)["items"])

    def print_prescription(self, prescription_id: str, *, key: str | None = None) -> Answer:
        """Count a print of a prescription."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/prints", key=key)

    def take_back(self, prescription_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Drugs came back to the pharmacy; only then can they be refunded."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/return", body, key=key)

    def hand_over(self, prescription_id: str, body: Body, *, key: str | None = None) -> Answer:
        """Drugs were given out on paper."""
        return self.post(f"/prescriptions/{quoted(prescription_id)}/handover", body, key=key)

    def queue(self, department_code: str) -> list[Answer]:
        """Both lanes of a department."""
        return list(self.get("/triage/queue", department_code=department_code)["items"])

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

    def approve_mirror(self, run_id: int | str, hash_: str, reason: str, *, key: str | None = None) -> Answer:
        """Publish a held run."""
        return self.post(f"/mirror/runs/{run_id}/approve", {"hash": hash_, "reason": reason}, key=key)

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

    # -- outside the prefix ----------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """Whether the standby answers at all, asked once."""
        try:
            return self._http.get("/healthz", timeout=2).is_success
        except httpx.TransportError:
            return False

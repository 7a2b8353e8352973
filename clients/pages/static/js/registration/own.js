// Visits already registered: found by the slip or in the list of one's own, cancelled with the refund, sent to another
// department, their slip printed again.

import { act, get, Problem } from "../kernel/api.js";
import { inform, question, refusal, secondPerson } from "../kernel/dialog.js";
import { by, h } from "../kernel/dom.js";
import { inScope } from "../kernel/frame.js";
import { unsigned } from "../kernel/money.js";
import { page, t } from "../kernel/page.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { departmentsFor } from "./offer.js";
import { SLIP } from "./person.js";

/** The charge of a visit's fee, or null where there was none. */
export const feeOf = (visit) => visit.charges?.find((one) => one.kind === "registration" && one.refund_of === null) ?? null;

/** What can be done with a visit. */
export class Visits {
  /** `paper` prints, `changed(visit)` after every change. */
  constructor({ paper, changed }) {
    this.paper = paper;
    this.changed = changed;
    this.open = once((visit) => this.#open(visit));
  }

  async #open({ id }) {
    hush();
    const visit = await get(`/registrations/${encodeURIComponent(id)}`);
    const ours = visit.origin === "yj";
    const live = ours && !visit.cancelled;
    const answer = await question({
      title: `${visit.patient_name} ${visit.department_name} ${visit.queue_no ?? ""}`,
      body: h("div", {},
        h("p", {}, `${visit.slip_no ?? ""} ${visit.registered_at.slice(0, 16).replace("T", " ")} `, h("strong", {}, t(`registration.state_${visit.status}`))),
        ours ? null : h("p.note.warn", {}, t("registration.centre_visit")),
        page.mode.mode === "normal" && live ? h("p.note.warn", {}, t("registration.only_reprint")) : null),
      buttons: [
        ...(ours ? [{ value: "print", label: t("registration.reprint"), key: "F8" }] : []),
        ...(live && page.mode.mode !== "normal" ? [
          { value: "transfer", label: t("registration.transfer"), key: "F7" },
          { value: "cancel", label: t("registration.cancel"), key: "F6" },
        ] : []),
        { value: null, label: t("registration.back"), main: true },
      ],
    });
    if (answer?.button === "print") await this.print(visit);
    if (answer?.button === "transfer") await this.#transfer(visit);
    if (answer?.button === "cancel") await this.#cancel(visit);
  }

  /** Print a visit's slip until it came out; `body` is shown with the question. */
  print(visit, body = undefined) {
    const charge = visit.charge ?? feeOf(visit);
    return this.paper.print({
      what: t("registration.slip"), path: `/print/registration/${visit.id}`, record: `/registrations/${visit.id}/prints`,
      charge: visit.cancelled ? null : charge?.id ?? null, receipt: charge?.receipt_no ?? null, body,
    });
  }

  async #cancel(visit) {
    const key = ulid();
    const fee = feeOf(visit);
    let done = null;
    let approver;
    const send = async (reason) => {
      try {
        done = await act(`/registrations/${visit.id}/cancel`, { reason, ...(approver ? { approver } : {}) }, key);
        return null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.code !== "second_person_required" && error.code !== "approver_rejected") return error.message;
        approver = await secondPerson(error.message);
        return approver ? send(reason) : error.message;
      }
    };
    await question({
      title: t("registration.cancel_title", { who: visit.patient_name, where: visit.department_name }),
      body: h("p.total", {}, h("small", {}, t("registration.to_refund")), " ", fee?.total ?? "0.00"),
      fields: [{ name: "reason", label: t("registration.reason"), value: t("registration.usual_cancel"), required: true, maxlength: 200 }],
      check: ({ reason }) => send(reason),
    });
    if (!done) return;
    await this.changed(visit);
    const parts = (done.refund?.payments ?? []).map((one) => h("p.total", {}, h("small", {}, t(`frame.pay_by_${one.method}`)), " ", unsigned(one.amount)));
    await inform(t("registration.cancelled_give_back"), h("div", {}, parts.length ? parts : h("p", {}, t("registration.nothing_to_refund"))));
  }

  async #transfer(visit) {
    const places = departmentsFor("").filter((one) => one.code !== visit.department_code);
    const where = await question({
      title: t("registration.transfer_title", { who: visit.patient_name, where: visit.department_name }),
      fields: [
        { name: "department_code", label: t("registration.transfer_to"), required: true,
          among: places.map((one) => ({ value: one.code, label: `${one.name}${inScope(one.code) ? "" : ` (${t("registration.out_of_scope")})`}`, also: `${one.pinyin} ${one.code}` })) },
        { name: "reason", label: t("registration.reason"), value: t("registration.usual_transfer"), required: true, maxlength: 200 },
      ],
    });
    if (!where) return;
    const { staff } = await get(`/departments/${encodeURIComponent(where.department_code)}/offer`);
    const key = ulid();
    let done = null;
    await question({
      title: t("registration.transfer_doctor"),
      fields: [{ name: "staff_code", label: t("registration.doctor"),
        options: [{ value: "", label: t("registration.no_doctor") }, ...staff.map((one) => ({ value: one.staff_code, label: `${one.name} ${one.title ?? ""}` }))] }],
      check: ({ staff_code }) => refusal(async () => {
        done = await act(`/registrations/${visit.id}/transfer`, { department_code: where.department_code, reason: where.reason, ...(staff_code ? { staff_code } : {}) }, key);
      }),
    });
    if (!done) return;
    await this.changed(visit);
    said(t("registration.transferred", { where: done.department_name }));
  }
}

/** The list of what the person at this desk registered today. */
export class Own {
  constructor({ visits, back }) {
    this.items = [];
    this.loaded = null;
    this.field = by("own-find");
    this.list = new Rows(by("own-list").tBodies[0], {
      cells: (item) => [
        item.registered_at.slice(11, 16), item.slip_no, item.patient_name, item.department_name, item.staff_name ?? "",
        h("td.num", {}, item.queue_no ?? ""), t(`registration.state_${item.status}`),
      ],
      mark: (item) => (item.cancelled ? "later" : ""), take: (item) => visits.open(item),
    });
    this.field.addEventListener("input", () => this.#show());
    by("own").addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.isComposing) return;
      if (event.key === "Escape") back();
      else if (event.key === "ArrowDown" && event.target === this.field) this.list.focus();
      else if (event.key === "Enter" && event.target === this.field) this.#enter(visits).catch(failed);
      else return;
      event.preventDefault();
    });
    by("own-back").addEventListener("click", back);
  }

  /** Show the list; the cursor waits for a slip. */
  async enter() {
    this.field.value = "";
    this.field.focus();
    await this.refresh();
  }

  /** Look again. */
  refresh() {
    const found = get("/registrations/own").then(({ items }) => {
      this.items = items;
      this.#show();
    });
    this.loaded = found.catch(() => {});
    return found;
  }

  async #enter(visits) {
    const text = this.field.value.trim();
    if (SLIP.test(text)) {
      const { items } = await get("/registrations", { slip_no: text });
      if (items.length) {
        visits.open(items[0]);
        return;
      }
    }
    await this.loaded; // Enter may come before the list
    this.list.focus();
  }

  #show() {
    const text = this.field.value.trim().toUpperCase();
    this.list.show(this.items.filter((one) => !text || one.patient_name.toUpperCase().includes(text) || (one.slip_no ?? "").includes(text)));
  }
}

// One person's shift: opened with what is in the drawer when the HIS died, closed with what was counted, on one sheet.

import { act, get } from "./api.js";
import { dayAndTime } from "./clock.js";
import { question, refusal } from "./dialog.js";
import { h, put } from "./dom.js";
import { Draft } from "./draft.js";
import { working } from "./frame.js";
import { cents, yuan } from "./money.js";
import { page, t, worded } from "./page.js";
import { printUntilOut } from "./print.js";
import { failed, said } from "./say.js";

const AT_MOST_TEXT = 500;

/** The shift of the person at this window. `changed(shift)` hears of every look: the open shift or null. */
export class Shift {
  constructor({ changed = () => {} } = {}) {
    this.changed = changed;
    this.open = null; // the open shift of the present kind of incident, with its sheet as it stands
    this.earlier = [];
    this.later = `yj:${page.operator.code}:shift-later`;
  }

  /** Ask the standby how the shift stands. */
  async load() {
    const { items } = await get("/shifts", { limit: 10 });
    const found = items.find((one) => one.open && one.drill === page.mode.drill);
    this.open = found ? await get(`/shifts/${found.id}`) : null;
    this.earlier = items.filter((one) => !one.open);
    this.changed(this.open);
    return this.open;
  }

  /** At the first log-in of an outage: ask for the opening unless it was put off at this computer. */
  async offer() {
    if (!working()) return;
    await this.load();
    if (!this.open && sessionStorage.getItem(this.later) !== String(page.mode.incident_no)) await this.begin();
  }

  /** Open the shift; true when it is open. What was typed outlives a reload. */
  async begin() {
    const draft = new Draft("shift-open");
    const asked = question({
      title: t("frame.shift_open_title"),
      body: h("p", {}, t("frame.shift_open_why")),
      fields: [
        { name: "float", label: t("frame.shift_float"), hint: t("frame.shift_float_hint"), required: true, maxlength: 12, inputmode: "decimal" },
        { name: "his_cash_kept_apart", label: t("frame.shift_his_cash"), hint: t("frame.shift_his_cash_hint"), maxlength: 12, inputmode: "decimal" },
        { name: "last_his_receipt_no", label: t("frame.shift_last_receipt"), maxlength: 40 },
        { name: "act_in_hand", label: t("frame.shift_act_in_hand"), hint: t("frame.shift_act_in_hand_hint"), maxlength: AT_MOST_TEXT },
      ],
      buttons: [
        { value: "yes", label: t("frame.shift_open"), main: true },
        { value: null, label: t("frame.shift_later"), key: "F8" },
      ],
      check: (given) => this.#opened(given, draft.key),
    });
    draft.bind(lastForm());
    const answer = await asked;
    if (answer) {
      draft.renew();
      said(t("frame.shift_opened"));
    } else sessionStorage.setItem(this.later, String(page.mode.incident_no));
    await this.load();
    return Boolean(this.open);
  }

  async #opened(given, key) {
    for (const name of ["float", "his_cash_kept_apart"]) {
      if (given[name] && !isMoney(given[name])) return t("frame.shift_not_money", { field: t(name === "float" ? "frame.shift_float" : "frame.shift_his_cash") });
    }
    const body = Object.fromEntries(["float", "his_cash_kept_apart", "last_his_receipt_no", "act_in_hand"].filter((name) => given[name]).map((name) => [name, given[name]]));
    return refusal(() => act("/shifts/open", body, key));
  }

  /** Count and close; the sheet is printed. Resolves to the closed shift or null. */
  async close() {
    const shift = await this.load();
    if (!shift) return null;
    const draft = new Draft("shift-close");
    const taken = shift.sheet.by_method.filter((row) => row.method !== "cash");
    const methods = ["cash", ...taken.map((row) => row.method)];
    let closed = null;
    const asked = question({
      title: t("frame.shift_close_title"),
      body: h("p", {}, t("frame.shift_count_hint")),
      fields: methods.map((method) => ({
        name: `counted_${method}`,
        label: method === "cash" ? t("frame.shift_count_cash") : t("frame.shift_count", { method: t(`frame.pay_by_${method}`) }),
        required: method === "cash",
        maxlength: 12,
        inputmode: "decimal",
      })),
      buttons: [
        { value: "yes", label: t("frame.shift_close"), main: true },
        { value: null, label: t("frame.cancel") },
      ],
      check: async (given) => {
        const counted = [];
        for (const method of methods) {
          const amount = given[`counted_${method}`];
          if (!amount) continue;
          if (!isMoney(amount)) return t("frame.shift_not_money", { field: t(`frame.pay_by_${method}`) });
          counted.push({ method, amount: yuan(cents(amount)) });
        }
        if (!(await this.#agreed(shift.id, counted))) return t("frame.shift_count_again");
        return refusal(async () => { closed = await act("/shifts/close", { counted }, draft.key); });
      },
    });
    draft.bind(lastForm());
    await asked;
    if (!closed) return null;
    draft.renew();
    await this.load();
    await this.print(closed.id);
    return closed;
  }

  /** Whether what was counted is what the standby has, or the difference was seen and is to stand on the sheet. */
  async #agreed(id, counted) {
    const { sheet } = await get(`/shifts/${id}`); // somebody may have charged since
    const rows = counted.map(({ method, amount }) => {
      const due = method === "cash" ? sheet.cash_due : sheet.by_method.find((row) => row.method === method)?.due ?? "0.00";
      return { method, due, amount, difference: cents(amount) - cents(due) };
    });
    if (rows.every((row) => row.difference === 0)) return true;
    const cell = (text) => h("td.num", {}, text);
    const answer = await question({
      title: t("frame.shift_differs"),
      body: h("table", {},
        h("thead", {}, h("tr", {}, ["frame.pay_method", "frame.shift_system", "frame.shift_counted", "frame.shift_difference"].map((label, at) => h(at ? "th.num" : "th", {}, t(label))))),
        h("tbody", {}, rows.map((row) => h(row.difference ? "tr.differs" : "tr", {},
          h("td", {}, row.method === "cash" ? t("frame.shift_cash_whole") : t(`frame.pay_by_${row.method}`)), cell(row.due), cell(row.amount), cell(yuan(row.difference)))))),
      buttons: [
        { value: null, label: t("frame.shift_recount"), main: true },
        { value: "yes", label: t("frame.shift_close_so"), key: "F9" },
      ],
    });
    return answer !== null;
  }

  /** Print a hand-over sheet until it came out. */
  async print(shiftId) {
    await printUntilOut({ what: t("frame.shift_sheet"), path: `/print/shift/${shiftId}`, record: `/shifts/${shiftId}/prints` });
  }
}

function lastForm() {
  const forms = document.querySelectorAll("dialog[open] form");
  return forms[forms.length - 1];
}

const isMoney = (text) => (cents(text) ?? -1) >= 0;

/** Draw a shift that was loaded: what came in, by method and by category, the receipts, and the buttons that fit. */
export function showShift(place, shift, { keys = { main: "F9", print: "F6" } } = {}) {
  const run = (work) => () => work().catch(failed);
  const button = (text, key, work, main = false) => h(main ? "button.main" : "button", { type: "button", dataset: { key }, onclick: run(work) }, text, h("kbd", {}, key));
  const { open } = shift;
  const buttons = open
    ? [button(t("frame.shift_close"), keys.main, () => shift.close(), true), button(t("frame.shift_print"), keys.print, () => shift.print(open.id))]
    : [working() ? button(t("frame.shift_open"), keys.main, () => shift.begin(), true) : null];
  const earlier = (one) => h("li", {}, `${dayAndTime(one.opened_at)} – ${dayAndTime(one.closed_at)} `, one.drill ? h("span.tag.warn", {}, "DRILL") : null,
    h("button.quiet", { type: "button", onclick: run(() => shift.print(one.id)) }, t("frame.shift_print")));
  put(place,
    h("div.bar", {}, h("h2", {}, t(open ? "frame.shift_mine" : "frame.shift_none")), h("span.push.buttons", {}, buttons)),
    open ? sheetOf(open) : h("p.note", {}, t(working() ? "frame.shift_none_hint" : "frame.shift_none_normal")),
    ...(shift.earlier.length ? [h("h3", {}, t("frame.shift_earlier")), h("ul.earlier", {}, shift.earlier.map(earlier))] : []));
}

function sheetOf(shift) {
  const { sheet } = shift;
  const { receipts } = sheet;
  const fact = (label, value) => [h("dt", {}, t(label)), h("dd", {}, value || "—")];
  const runs = (found) => found.map((run) => (run.count > 1 ? `${run.from} – ${run.to} (${run.count})` : run.from)).join("; ");
  return h("div.shift-sheet", {},
    h("dl.facts", {},
      fact("frame.shift_since", dayAndTime(shift.opened_at)),
      fact("frame.shift_float", shift.float), fact("frame.shift_his_cash", shift.his_cash_kept_apart),
      fact("frame.shift_last_receipt", shift.last_his_receipt_no), fact("frame.shift_act_in_hand", shift.act_in_hand),
      fact("frame.shift_used", runs(receipts.used)), fact("frame.shift_void", receipts.void.map((one) => one.receipt_no).join("; ")),
      fact("frame.shift_unknown", runs(receipts.unknown)), fact("frame.shift_missing", receipts.missing.join("; "))),
    h("div.shift-sums", {},
      h("p.due", {}, h("span", {}, t("frame.shift_total", { charges: sheet.charges, refunds: sheet.refunds })), " ", h("output.total", {}, sheet.total)),
      h("dl.facts", {}, sheet.by_method.flatMap((row) => [h("dt", {}, t(`frame.pay_by_${row.method}`)), h("dd.num", {}, row.amount)]),
        h("dt", {}, t("frame.shift_cash_due")), h("dd.num", {}, sheet.cash_due)),
      h("dl.facts", {}, sheet.by_category.flatMap((row) => [h("dt", {}, worded(row, "name")), h("dd.num", {}, row.amount)])),
      sheet.outside_shift ? h("p.note.warn", {}, t("frame.shift_outside", { n: sheet.outside_shift })) : null));
}

// Refunds: always against the original, line by line, with a reason; what the HIS alone can give back is written down.

import { act, ask, get, Problem } from "../kernel/api.js";
import { dayAndTime } from "../kernel/clock.js";
import { inform, question, refusal, secondPerson } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { goTo, walk } from "../kernel/keys.js";
import { price, unsigned } from "../kernel/money.js";
import { page, t } from "../kernel/page.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";
import { findCharges, madeUnder, shownCharge } from "./find.js";

const fresh = () => ({ charge_id: null, counts: {}, sent: false });
const COUNT = /^\d{1,4}$/;
const MINUS = /^\u8d1f/; // the sign of an amount in words: what is given back is shown without it, as in figures

/** When a charge was made, for a table. */
export const time = (charge) => dayAndTime(charge.created_at);

/** The second tab. */
export class Refunding {
  constructor({ paper }) {
    this.paper = paper;
    this.draft = new Draft("billing-refund", fresh);
    this.draft.bind(by("refund-form"));
    this.charge = null;
    this.quote = null;
    this.asking = 0;
    this.searched = "";
    this.finder = searching(by("original"), {
      load: findCharges, show: shownCharge,
      choose: (item) => (item.what === "patient" ? this.#ofPatient(item.patient_id) : this.open(item.refund_of ?? item.id)).catch(failed),
      empty: (text) => this.#unknown(text),
    });
    this.found = new Rows(by("refund-charges"), {
      cells: (one) => [time(one), one.receipt_no ?? one.first_receipt_no ?? "—", one.yj_no, h("td.num", {}, one.total), t(`billing.status_${one.status}`)],
      take: (one) => this.open(one.id).catch(failed),
    });
    put(by("back-by"), h("option", { value: "" }, t("billing.back_same_way")), page.data.methods.filter((code) => code !== "rounding" && code !== "arrears").map((code) => h("option", { value: code }, t(`frame.pay_by_${code}`))));
    this.draft.fill(by("refund-form"));
    const give = once(() => this.#give());
    by("give").addEventListener("click", give);
    by("refund-next").addEventListener("click", () => { this.#empty(); goTo(by("original")); });
    by("none-back").addEventListener("click", () => this.#none());
    by("wish").addEventListener("click", once(() => this.#wish()));
    by("back-by").addEventListener("change", () => this.requote());
    walk(by("refund-form"), { done: give, back: () => goTo(by("original")) });
    this.#restore().catch(failed);
  }

  get state() {
    return this.draft.state;
  }

  /** Whether somebody's refund was begun. */
  get begun() {
    return this.state.charge_id !== null;
  }

  enter() {
    this.#loadWishes().catch(failed);
    if (this.charge) goTo(this.#firstCount() ?? by("reason"));
    else goTo(by("original"));
  }

  // --- the original --------------------------------------------------------------------------------------------------
  async #ofPatient(patientId) {
    hush();
    this.finder.clear();
    const { items } = await get("/charges", { patient_id: patientId });
    const charges = items.filter((one) => !one.refund_of);
    by("refund-found").hidden = false;
    this.found.show(charges);
    if (!this.found.focus()) this.#sayNo(t("billing.no_charges_here"));
  }

  /** A number nobody here knows is most likely the HIS's: only a wish can be written down. */
  #unknown(text) {
    this.#empty();
    by("original").value = text;
    this.searched = text;
    this.#sayNo(t("billing.not_ours", { number: text }));
    by("wish").focus();
  }

  /** Open the original of a refund. */
  async open(chargeId) {
    hush();
    this.finder.clear();
    by("refund-found").hidden = true;
    const charge = await get(`/charges/${chargeId}`);
    if (this.state.charge_id !== charge.id) {
      this.draft.renew();
      this.state.charge_id = charge.id;
      by("refund-form").reset();
    }
    this.charge = charge;
    for (const line of charge.lines) this.state.counts[line.line_id] ??= String(line.remaining);
    this.draft.save();
    this.#draw();
    await this.requote();
    goTo(this.#firstCount() ?? by("original"));
  }

  #draw() {
    const { charge } = this;
    const open = Boolean(charge) && charge.lines.some((line) => line.remaining > 0);
    by("refund-lines-box").hidden = !charge;
    by("refund-why").hidden = !open;
    put(by("refund-head"), charge ? h("div.person", {},
      h("strong.person-name", {}, charge.patient_name), h("span", {}, `${t("billing.receipt_no")} ${charge.receipt_no ?? "—"}`), h("small", {}, charge.yj_no),
      h("span", {}, time(charge)), h("span", {}, charge.operator.name), h("strong", {}, charge.total),
      h("span.tag", {}, t(`billing.status_${charge.status}`)),
      charge.payments.map((one) => h("small", {}, `${t(`frame.pay_by_${one.method}`)} ${one.amount}`))) : null);
    put(by("refund-lines"), (charge?.lines ?? []).map((line) => h("tr", {},
      h("td.names", {}, line.name, line.spec ? h("small", {}, line.spec) : null), h("td.num", {}, price(line.unit_price)), h("td.num", {}, String(line.quantity)), h("td.num", {}, String(line.remaining)),
      h("td.num", {}, h("input.count", {
        id: `back-${line.line_id}`, inputmode: "numeric", maxlength: 4, value: this.state.counts[line.line_id], disabled: line.remaining === 0, "aria-label": `${line.name} ${t("billing.back")}`,
        oninput: (event) => { this.state.counts[line.line_id] = event.target.value.trim(); this.draft.save(); this.requote(); },
      })))));
  }

  #firstCount() {
    return by("refund-lines").querySelector("input:not(:disabled)");
  }

  #none() {
    if (!this.charge) return;
    for (const line of this.charge.lines) this.state.counts[line.line_id] = "0";
    this.draft.save();
    this.#draw();
    this.requote();
    goTo(this.#firstCount() ?? by("original"));
  }

  // --- what is given back --------------------------------------------------------------------------------------------
  /** The line whose count is wrong, or null. */
  #wrongLine() {
    return this.charge.lines.find((line) => !COUNT.test(this.state.counts[line.line_id]) || Number(this.state.counts[line.line_id]) > line.remaining) ?? null;
  }

  #lines() {
    return this.charge.lines.map((line) => ({ line_id: line.line_id, quantity: Number(this.state.counts[line.line_id]) })).filter((line) => line.quantity > 0);
  }

  /** Ask what this refund comes to. */
  async requote() {
    this.asking += 1;
    const mine = this.asking;
    this.quote = null;
    const ready = this.charge && !this.#wrongLine();
    const lines = ready ? this.#lines() : [];
    const spent = ready && this.charge.lines.every((line) => line.remaining === 0);
    this.#showQuote();
    if (!ready || (!lines.length && !spent && this.charge.refund_of === null)) return;
    try {
      const body = lines.length ? { lines } : {};
      let quote = await ask(`/charges/${this.charge.id}/refund/quote`, body);
      const method = by("back-by").value;
      const payments = method && quote.total !== "0.00" ? [{ method, amount: unsigned(quote.total) }] : null;
      if (payments) quote = await ask(`/charges/${this.charge.id}/refund/quote`, { ...body, payments });
      if (mine !== this.asking) return;
      this.quote = { ...quote, body: payments ? { ...body, payments } : body };
      this.#showQuote();
    } catch (error) {
      if (mine !== this.asking) return;
      this.#sayNo(error instanceof Problem ? error.message : t("frame.no_answer"));
    }
  }

  #showQuote() {
    const { quote } = this;
    by("back").textContent = quote ? unsigned(quote.total) : "—";
    by("back-words").textContent = (quote?.total_in_words ?? "").replace(MINUS, "");
    put(by("back-payments"), (quote?.payments ?? []).flatMap((one) => [h("dt", {}, t(`frame.pay_by_${one.method}`)), h("dd", {}, unsigned(one.amount))]));
    by("give").disabled = !quote;
    this.#sayNo(quote?.second_person ? t("billing.second_person_ahead") : "");
    by("no-refund").className = quote?.second_person ? "note warn" : "note bad";
  }

  #sayNo(sentence) {
    const place = by("no-refund");
    place.className = "note bad";
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  async #give() {
    hush();
    if (!this.charge) return goTo(by("original"));
    const line = this.#wrongLine();
    if (line) return wrong(by(`back-${line.line_id}`), t("billing.wrong_back", { n: line.remaining }));
    if (!this.quote) return goTo(this.#firstCount() ?? by("original"));
    const reason = by("reason").value.trim();
    if (!reason) return wrong(by("reason"), t("billing.reason_needed"));
    const body = { ...this.quote.body, reason };
    this.state.sent = true;
    this.draft.save();
    return this.#send(body, this.quote.second_person ? t("billing.second_person_why") : null);
  }

  /** Send the act; who has to agree is asked for as often as the answer is not accepted. */
  async #send(body, why) {
    let sentence = why;
    for (;;) {
      const approver = sentence ? await secondPerson(sentence) : null;
      if (sentence && !approver) return this.#stay();
      try {
        return await this.#finish(await act(`/charges/${this.charge.id}/refund`, approver ? { ...body, approver } : body, this.draft.key));
      } catch (error) {
        if (error.code === "idempotency_key_reused") return this.#madeBefore();
        if (error.code !== "second_person_required" && error.code !== "approver_rejected") {
          this.#stay();
          if (error.status === 409) await this.open(this.charge.id);
          failed(error, by("refund-form"));
          return undefined;
        }
        sentence = error.message;
      }
    }
  }

  /** The key belongs to a refund that was made with other contents: taken for this one only if it gives back the same. */
  async #madeBefore() {
    const older = await get(`/charges/${this.draft.key}`);
    if (older.refund_of === this.charge.id && older.total === this.quote?.total) return this.#finish(older);
    this.draft.key = ulid();
    this.#stay();
    await inform(t("billing.tab_refund"), t("billing.given_before", { total: unsigned(older.total), number: older.yj_no }));
    return this.open(this.charge.id); // what remains is less by now
  }

  #stay() {
    this.state.sent = false;
    this.draft.save();
  }

  async #finish(made) {
    this.#empty();
    put(by("refund-last"), h("div.note.good", {}, h("strong", {}, t("billing.given", { name: made.patient_name })), " ", h("small", {}, made.yj_no),
      h("div", {}, h("output.total", {}, unsigned(made.total)), " ", made.payments.map((one) => h("span", {}, `${t(`frame.pay_by_${one.method}`)} ${unsigned(one.amount)} `)))));
    goTo(by("original"));
    await this.paper.print({ what: t("billing.refund_slip", { total: unsigned(made.total) }), path: `/print/refund/${made.id}`, record: `/charges/${made.id}/prints` });
    goTo(by("original"));
  }

  #empty() {
    hush();
    this.draft.renew();
    this.charge = null;
    this.asking += 1;
    this.quote = null;
    this.searched = "";
    by("original").value = "";
    by("refund-form").reset();
    by("refund-found").hidden = true;
    put(by("refund-last"));
    this.#draw();
    this.#showQuote();
  }

  async #restore() {
    const { state } = this;
    if (!this.draft.restored || !state.charge_id) return;
    if (state.sent) {
      const made = await madeUnder(this.draft.key);
      if (made) {
        await this.#finish(made);
        return;
      }
      this.#stay();
    }
    this.charge = await get(`/charges/${state.charge_id}`);
    this.#draw();
    this.draft.fill(by("refund-form"));
    await this.requote();
  }

  // --- what only the HIS can give back -------------------------------------------------------------------------------
  async #wish() {
    const key = ulid();
    const answer = await question({
      title: t("billing.wish"),
      body: h("p", {}, t("billing.wish_why")),
      fields: [
        { name: "receipt_no", label: t("billing.wish_receipt"), value: this.searched || by("original").value.trim(), required: true, maxlength: 40 },
        { name: "reason", label: t("billing.reason"), required: true, maxlength: 200 },
      ],
      check: ({ receipt_no: receiptNo, reason }) => refusal(() => act("/refund-wishes", { receipt_no: receiptNo, reason }, key)),
    });
    if (!answer) return;
    this.#empty();
    said(t("billing.wish_kept"));
    await this.#loadWishes();
    goTo(by("original"));
  }

  async #loadWishes() {
    const { items } = await get("/refund-wishes");
    put(by("wishes"), items.length ? items.map((one) => h("li", {}, `${dayAndTime(one.at)} ${one.charge} ${one.reason} `, h("small", {}, one.operator))) : h("li", {}, t("frame.nothing_here")));
  }
}

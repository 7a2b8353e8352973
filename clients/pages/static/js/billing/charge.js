// Charging: who, for what, how it is paid. The act has one key from the moment the form opens until the standby answers.

import { act, ask, get, Problem } from "../kernel/api.js";
import { dayAndTime } from "../kernel/clock.js";
import { confirm, inform, question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { goTo, walk } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { page, t, worded } from "../kernel/page.js";
import { Pay } from "../kernel/pay.js";
import { personLine } from "../kernel/person.js";
import { DOUBTED } from "../kernel/receipt_paper.js";
import { failed, hush, once, said, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";
import { Basket } from "./basket.js";
import { findPeople, madeUnder, shownPerson } from "./find.js";
import { PaperPrescription } from "./paper_rx.js";

const fresh = () => ({ patient_id: null, visit_id: null, ticked: {}, answered: {}, items: [], pay: null, sent: null });
const GONE = new Set(["already_paid", "already_refunded", "already_cancelled", "prescription_not_found", "order_not_found"]);

/** The first tab. */
export class Charging {
  constructor({ paper }) {
    this.paper = paper;
    this.draft = new Draft("billing-charge", fresh);
    this.person = null;
    this.visits = [];
    this.quote = null;
    this.asking = 0;
    this.pay = new Pay(by("pay"), { methods: page.data.methods, changed: (lines) => { this.state.pay = lines; this.draft.save(); } });
    this.basket = new Basket(by("basket"), { charging: this });
    this.prescribe = new PaperPrescription({ done: (made) => this.#keyedIn(made) });
    this.finder = searching(by("find"), { load: findPeople, show: shownPerson, choose: (item) => this.choose(item.patient_id, item.visit_id), empty: () => said(t("billing.no_such_patient"), { good: false }) });
    this.items = searching(by("item"), {
      load: async (q, signal) => (await get("/fee-items", { q, limit: 12 }, { signal })).items,
      show: (item) => [h("span", {}, item.name), h("small", {}, item.item_code), h("span.num", {}, `${price(item.unit_price)} / ${item.unit}`)],
      choose: (item) => this.#addItem(item),
    });
    this.take = once(() => this.#take());
    by("take").addEventListener("click", this.take);
    by("next").addEventListener("click", once(() => this.#giveUp()));
    by("paper-open").addEventListener("click", once(() => this.#openPaper()));
    by("visit").addEventListener("change", (event) => { this.state.visit_id = event.target.value || null; this.draft.save(); this.requote(); });
    walk(by("charge-form"), { done: () => this.#toMoney(), back: () => goTo(by("find")) });
    walk(by("pay-form"), { done: this.take, back: () => goTo(by("item")) });
    this.basket.draw();
    this.#restore().catch(failed);
  }

  get state() {
    return this.draft.state;
  }

  /** Whether somebody's bill was begun. */
  get begun() {
    return this.state.patient_id !== null;
  }

  /** The tab is shown: the cursor goes where the work is. */
  enter() {
    if (this.person && this.quote) this.#toMoney();
    else goTo(by(this.person ? "item" : "find"));
  }

  // --- who and what --------------------------------------------------------------------------------------------------
  /** Open a patient, with the visit of the paper that was scanned. */
  async choose(patientId, visitId) {
    hush();
    put(by("last"));
    this.finder.clear();
    if (this.state.patient_id && this.state.patient_id !== patientId) this.#empty();
    this.state.patient_id = patientId;
    this.state.visit_id = visitId;
    this.draft.save();
    try {
      await this.#load();
      await this.#askAboutCentre(this.basket.documents.filter((one) => this.basket.unasked(one)));
      await this.requote();
      this.enter();
    } catch (error) {
      failed(error);
    }
  }

  async #load() {
    const { patient_id: id } = this.state;
    const [person, visits, prescriptions, orders] = await Promise.all([
      get(`/patients/${id}`),
      get("/registrations", { patient_id: id }),
      get("/prescriptions", { patient_id: id, status: "unpaid" }),
      get("/orders", { patient_id: id, status: "unpaid" }),
    ]);
    if (this.state.patient_id !== id) return;
    this.person = person;
    this.visits = visits.items.filter((visit) => !visit.cancelled).reverse();
    if (this.state.visit_id === null || !this.visits.some((visit) => visit.id === this.state.visit_id)) this.state.visit_id = this.visits[0]?.id ?? null;
    this.basket.show([
      ...prescriptions.items.map((row) => ({ ...row, what: "rx", number: row.rx_no })),
      ...orders.items.map((row) => ({ ...row, what: "order", number: row.order_no })),
    ]);
    put(by("person"), personLine(person), h("small", {}, person.patient_no));
    this.#showVisits();
    const centre = this.basket.documents.find((one) => one.origin === "centre");
    by("as-of").textContent = centre ? t("billing.as_of", { time: dayAndTime(centre.as_of) }) : "";
  }

  #showVisits() {
    by("visit-bar").hidden = false;
    const options = this.visits.map((visit) => h("option", { value: visit.id, selected: visit.id === this.state.visit_id },
      `${visit.slip_no ?? "—"} ${visit.department_name} ${visit.staff_name ?? ""} ${dayAndTime(visit.registered_at)}`));
    put(by("visit"), options, h("option", { value: "", selected: this.state.visit_id === null }, t("billing.no_visit")));
  }

  /** The centre may have taken the money in the blind window: only the patient's receipt knows. */
  async #askAboutCentre(documents) {
    if (!documents.length) return;
    const answer = await question({
      title: t("billing.his_receipt"),
      body: h("div", {},
        h("p", {}, t("billing.his_receipt_why", { time: (documents[0].as_of ?? "").slice(11, 16) })),
        h("ul", {}, documents.map((one) => h("li", {}, `${t(`billing.found_${one.what}`)} ${one.number} ${one.lines.map((line) => line.name).slice(0, 3).join(t("frame.comma"))} ${one.total}`)))),
      buttons: [
        { value: "none", label: t("billing.his_receipt_none"), main: true },
        { value: "has", label: t("billing.his_receipt_has"), key: "F8" },
      ],
    });
    for (const one of documents) {
      this.state.answered[one.id] = answer?.button ?? "unknown";
      this.state.ticked[one.id] = answer?.button === "none";
    }
    this.draft.save();
    this.basket.draw();
  }

  /** A document was ticked or left out. */
  async tick(one, ticked) {
    this.state.ticked[one.id] = ticked;
    if (ticked && one.origin === "centre" && this.state.answered[one.id] !== "none") await this.#askAboutCentre([one]);
    this.draft.save();
    this.basket.draw();
    await this.requote();
  }

  #addItem(item) {
    this.items.clear();
    const known = this.state.items.findIndex((one) => one.item_code === item.item_code);
    if (known < 0) this.state.items.push({ item_code: item.item_code, name: item.name, unit: item.unit, unit_price: item.unit_price, quantity: "1" });
    this.draft.save();
    this.basket.draw();
    this.basket.toCount(known < 0 ? this.state.items.length - 1 : known);
    this.requote();
  }

  // --- what it comes to ----------------------------------------------------------------------------------------------
  /** What the standby is asked for, or null where there is nothing yet or a quantity is no number. */
  #wanted() {
    const chosen = this.basket.documents.filter((one) => this.basket.ticked(one));
    const lines = this.state.items.map((one) => ({ item_code: one.item_code, quantity: Number(one.quantity) }));
    if (!this.state.patient_id || !(chosen.length || lines.length) || this.basket.wrongCount() >= 0) return null;
    const foreign = chosen.some((one) => one.registration_id !== this.state.visit_id);
    return {
      ...(this.state.visit_id && !foreign ? { registration_id: this.state.visit_id } : {}),
      patient_id: this.state.patient_id,
      prescription_ids: chosen.filter((one) => one.what === "rx").map((one) => one.id),
      order_ids: chosen.filter((one) => one.what === "order").map((one) => one.id),
      lines,
    };
  }

  /** Ask for the total; the newest question counts. */
  requote() {
    this.asking += 1;
    const mine = this.asking;
    const wanted = this.#wanted();
    this.quote = null;
    if (!wanted) this.#showQuote(null);
    this.quoted = wanted ? this.#ask(wanted, mine) : Promise.resolve();
    return this.quoted;
  }

  async #ask(wanted, mine) {
    try {
      const quote = await ask("/charges/quote", wanted);
      if (mine !== this.asking) return;
      this.quote = { ...quote, wanted };
      this.#showQuote(null);
    } catch (error) {
      if (mine !== this.asking) return;
      this.#showQuote(error);
      if (GONE.has(error.code)) {
        await this.#load();
        await this.requote();
        by("no-quote").textContent = error.message;
        by("no-quote").hidden = false;
      }
    }
  }

  #showQuote(error) {
    const { quote } = this;
    by("due").textContent = quote?.total ?? "—";
    by("words").textContent = quote?.total_in_words ?? "";
    put(by("marks"), quote?.deferred ? h("span.tag.warn", {}, t("billing.deferred")) : null, quote?.total === "0.00" ? h("span.tag", {}, t("billing.nothing_due")) : null);
    put(by("categories"), (quote?.by_category ?? []).flatMap((row) => [h("dt", {}, worded(row, "name")), h("dd", {}, row.amount)]));
    const place = by("no-quote");
    place.hidden = !error;
    place.textContent = error instanceof Problem ? error.message : error ? t("frame.no_answer") : "";
    this.pay.due(quote?.total ?? null);
    this.basket.amounts(quote);
  }

  // --- taking the money ----------------------------------------------------------------------------------------------
  #toMoney() {
    const bad = this.basket.wrongCount();
    if (bad >= 0) this.basket.refuse(bad);
    else if (!this.pay.focus()) by("take").focus();
  }

  async #take() {
    hush();
    if (!this.person) return goTo(by("find"));
    const bad = this.basket.wrongCount();
    if (bad >= 0) return this.basket.refuse(bad);
    await this.quoted;
    const { quote } = this;
    if (!quote) {
      if (by("no-quote").hidden) wrong(by("item"), t("billing.nothing_chosen"));
      return undefined;
    }
    const payments = this.pay.payments();
    if (payments === null) return undefined;
    if (quote.total !== "0.00" && !(await this.paper.confirmed())) return undefined;
    const numbered = quote.total !== "0.00" && this.paper.number ? { receipt_no: this.paper.number } : {};
    this.state.sent = { ...quote.wanted, payments, expected_total: quote.total, ...numbered };
    this.draft.save();
    return this.#send();
  }

  async #send() {
    const { sent } = this.state;
    let made;
    try {
      made = await act("/charges", sent, this.draft.key);
    } catch (error) {
      this.state.sent = null;
      this.draft.save();
      if (error.code === "idempotency_key_reused") return this.#madeBefore(sent);
      return this.#refused(error);
    }
    return this.#finish(made);
  }

  /** The key belongs to a charge that was made with other contents: taken for this one only if it comes to the same. */
  async #madeBefore(sent) {
    const older = await get(`/charges/${this.draft.key}`);
    if (older.total === sent.expected_total) return this.#finish(older);
    this.draft.key = ulid();
    this.draft.save();
    await inform(t("billing.title"), t("billing.made_before", { total: older.total, number: older.yj_no }));
    return undefined;
  }

  async #refused(error) {
    const named = error instanceof Problem && this.pay.refused(error);
    if (!named) failed(error);
    if (error.code === "total_changed") await this.requote();
    else if (DOUBTED.has(error.code)) await this.paper.disagreed();
    else if (error.code?.startsWith("receipt_book")) await this.paper.load();
    else if (GONE.has(error.code)) {
      await this.#load();
      await this.requote();
    }
    if (!named && !document.querySelector("dialog[open]")) by("take").focus();
  }

  async #finish(made) {
    this.#empty();
    const change = made.change === "0.00" ? null : made.change;
    put(by("last"), h("div.note.good", {},
      h("strong", {}, t("billing.taken", { name: made.patient_name, total: made.total })), " ",
      h("span", {}, made.receipt_no ?? ""), " ", h("small", {}, made.yj_no),
      change ? h("div", {}, t("billing.change"), " ", h("output.total", {}, change)) : null,
      ...(made.pharmacies ?? []).map((place) => h("div", {}, t("billing.pharmacy", { name: place.name ?? place.code, location: place.location ?? "" })))));
    goTo(by("find"));
    const what = t(change ? "billing.receipt_and_change" : "billing.receipt_of", { no: made.receipt_no ?? made.yj_no, change });
    await this.paper.print({ what, path: `/print/receipt/${made.id}`, record: `/charges/${made.id}/prints`, charge: made.id, receipt: made.receipt_no });
    await this.paper.load();
    goTo(by("find"));
  }

  // --- beginning and end of a form -----------------------------------------------------------------------------------
  #empty() {
    this.draft.renew();
    this.person = null;
    this.visits = [];
    this.asking += 1;
    this.quote = null;
    this.basket.show([]);
    this.pay.clear();
    put(by("person"));
    by("visit-bar").hidden = true;
    by("as-of").textContent = "";
    this.#showQuote(null);
  }

  async #giveUp() {
    const begun = this.state.items.length > 0;
    if (begun && !(await confirm(t("billing.give_up")))) return;
    hush();
    put(by("last"));
    this.#empty();
    goTo(by("find"));
  }

  async #restore() {
    const { state } = this;
    if (!this.draft.restored || !state.patient_id) return;
    if (state.sent) {
      // The page went away while the act was under way: the standby knows whether it was done.
      const made = await madeUnder(this.draft.key);
      if (made) {
        await this.#finish(made);
        return;
      }
      state.sent = null;
    }
    this.pay.fill(state.pay);
    await this.#load();
    await this.requote();
    this.enter();
  }

  // --- a paper prescription ------------------------------------------------------------------------------------------
  async #openPaper() {
    hush();
    if (!this.person) return wrong(by("find"), t("billing.patient_first"));
    if (!this.visits.length) return wrong(by("find"), t("billing.rx_needs_visit"));
    return this.prescribe.open(this.person, this.visits.find((visit) => visit.id === this.state.visit_id) ?? this.visits[0]);
  }

  async #keyedIn(made) {
    this.state.ticked[made.id] = true;
    this.draft.save();
    await this.#load();
    await this.requote();
    this.enter();
  }
}

// How a bill is paid: several methods, cash on the counter, change shown big. The server has the last word on all of it.

import { h, put } from "./dom.js";
import { goTo } from "./keys.js";
import { cents, yuan } from "./money.js";
import { t } from "./page.js";
import { hush, wrong } from "./say.js";

const VOUCHER = new Set(["wechat", "alipay"]); // must name the platform's voucher
const DOUBTABLE = new Set(["bank_card", "wechat", "alipay"]);
const OWN_WORDS = new Set(["bank_card", "wechat", "alipay", "other"]); // may carry a reference

const MOST_LINES = 4;
const PARTS = ["amount", "tendered", "reference"]; // where typing belongs, in the order of a line

const fresh = () => [{ method: null, amount: "", tendered: "", reference: "", doubt: false }];

/**
 * The payment part of a form. The last line always takes what the lines before it leave, so amounts are keyed only
 * where a bill is split. `changed(lines)` is called after every keystroke: keep it in a draft, give it back to `fill`.
 */
export class Pay {
  /** `methods`: the codes this hospital takes now, in the order in which the key goes through them. */
  constructor(place, { methods, changed = () => {} }) {
    this.place = place;
    this.methods = methods;
    this.changed = changed;
    this.lines = fresh();
    this.total = null; // cents
    this.rows = h("div.pay-lines", { role: "group", "aria-label": t("frame.pay_lines") });
    this.change = h("output.total.pay-change", {});
    this.changeLabel = h("span", {}, t("frame.pay_change"));
    this.other = h("button", { type: "button", dataset: { key: "F8" }, onclick: () => this.turn() }, t("frame.pay_turn"), h("kbd", {}, "F8"));
    this.more = h("button", { type: "button", dataset: { key: "Shift+F8" }, onclick: () => this.add() }, t("frame.pay_more"), h("kbd", {}, "Shift+F8"));
    this.foot = h("div.pay-foot", {}, this.other, this.more, h("span.push", {}, this.changeLabel, " ", this.change));
    put(place, this.rows, this.foot);
    place.classList.add("pay");
    this.#draw();
  }

  /** What is to be paid, as the server said it ("12.00"), or null while it is not known. */
  due(text) {
    this.total = text === null ? null : cents(text);
    this.#settle();
  }

  /** The lines kept in a draft. */
  fill(lines) {
    this.lines = Array.isArray(lines) && lines.length ? structuredClone(lines) : fresh();
    this.#draw();
  }

  /** The next patient. */
  clear() {
    this.lines = fresh();
    this.total = null;
    this.#draw();
  }

  /** Put the cursor where the money is keyed; false where nothing is to be paid. */
  focus() {
    if (this.place.hidden || this.total === 0) return false;
    goTo(this.#home(0));
    return true;
  }

  /** The next method for the line that has the cursor, else for the last one; the cursor goes where its money is keyed. */
  turn() {
    const held = document.activeElement?.closest(".pay-line")?.dataset.line;
    const index = Number(held ?? this.lines.length - 1);
    const at = this.methods.indexOf(this.#method(this.lines[index]));
    this.#choose(index, this.methods[(at + 1) % this.methods.length]);
    goTo(this.#home(index));
  }

  /** One more method; the cursor goes to the amount of the line that was last until now. */
  add() {
    if (this.lines.length >= MOST_LINES) return;
    const rest = this.lines.length - 1;
    const used = new Set(this.lines.map((line) => this.#method(line)));
    this.lines.push({ ...fresh()[0], method: this.methods.find((code) => !used.has(code)) ?? this.methods[0] });
    this.#draw();
    this.#told();
    goTo(this.#home(rest));
  }

  /** The payments as the server takes them, or null: then the first field that is wrong is marked and has the cursor. */
  payments() {
    hush();
    if (this.total === 0) return [];
    const amounts = this.#amounts();
    const found = [];
    for (const [index, line] of this.lines.entries()) {
      const method = this.#method(line);
      const amount = amounts[index];
      if (amount === null || amount <= 0) return this.#wrong(Math.min(index, Math.max(0, this.lines.length - 2)), "amount", t("frame.pay_wrong_amount"));
      const payment = { method, amount: yuan(amount) };
      if (method === "cash" && line.tendered.trim()) {
        const tendered = cents(line.tendered);
        if (tendered === null) return this.#wrong(index, "tendered", t("frame.pay_wrong_amount"));
        if (tendered < amount) return this.#wrong(index, "tendered", t("frame.pay_too_little", { amount: yuan(amount) }));
        payment.tendered = yuan(tendered);
      }
      const doubt = line.doubt && DOUBTABLE.has(method);
      if (doubt) payment.state = "in_doubt";
      if (OWN_WORDS.has(method) && line.reference.trim()) payment.reference = line.reference.trim();
      else if (VOUCHER.has(method) && !doubt) return this.#wrong(index, "reference", t("frame.pay_voucher_needed"));
      found.push(payment);
    }
    return found;
  }

  /** Mark the payment field that the server refused; false where it was about something else. */
  refused(problem) {
    const named = /^payments\.(\d+)\.(\w+)$/.exec(problem.field ?? "");
    if (named) {
      const own = problem.errors.find((one) => one.field === problem.field);
      return this.#wrong(Number(named[1]), named[2] === "state" ? "doubt" : named[2], own?.problem ?? problem.message) === null;
    }
    return false;
  }

  #method(line) {
    return line.method ?? this.methods[0];
  }

  /** Cents of every line; the last one takes the rest. */
  #amounts() {
    const given = this.lines.slice(0, -1).map((line) => cents(line.amount));
    const rest = this.total === null || given.includes(null) ? null : this.total - given.reduce((sum, one) => sum + one, 0);
    return [...given, rest];
  }

  #field(index, name) {
    return this.rows.querySelector(`[data-line="${index}"] [data-part="${name}"]`);
  }

  /** Where typing belongs in a line: an amount, the cash on the counter, a voucher. Never a list that a digit chooses from. */
  #home(index) {
    return PARTS.map((name) => this.#field(index, name)).find((field) => field?.tagName === "INPUT") ?? this.#field(index, "method");
  }

  #choose(index, method) {
    this.lines[index].method = method;
    this.#draw();
    this.#told();
  }

  #wrong(index, name, sentence) {
    const field = this.#field(index, name);
    wrong(field?.tagName === "OUTPUT" || !field ? this.#home(index) : field, sentence);
    return null;
  }

  #told() {
    this.changed(structuredClone(this.lines));
  }

  #draw() {
    put(this.rows, this.lines.map((line, index) => this.#row(line, index)));
    this.#settle();
  }

  #row(line, index) {
    const last = index === this.lines.length - 1;
    const method = this.#method(line);
    const labelled = (name, text, field, css = "", more = {}) => h(`span.pay-part${css}`, more, h("label", { for: `pay-${index}-${name}` }, text), field);
    const typed = (name, more = {}) => h("input", {
      id: `pay-${index}-${name}`, dataset: { part: name }, value: line[name], autocomplete: "off",
      oninput: (event) => { line[name] = event.target.value; this.#settle(); this.#told(); }, ...more,
    });
    const money = { inputmode: "decimal", maxlength: 12 };
    return h("div.pay-line", { dataset: { line: index } },
      labelled("method", t("frame.pay_method"), h("select", {
        id: `pay-${index}-method`, dataset: { part: "method" },
        onchange: (event) => { this.#choose(index, event.target.value); this.#field(index, "method").focus(); },
        onkeydown: (event) => { if (/^[0-9.]$/.test(event.key)) goTo(this.#home(index)); }, // an amount typed here lands in its field
      }, this.methods.map((code) => h("option", { value: code, selected: code === method }, t(`frame.pay_by_${code}`)))), "", { "data-aside": true }),
      last && this.lines.length === 1 ? null : labelled("amount", t("frame.pay_amount"),
        last ? h("output.pay-rest.num", { id: `pay-${index}-amount`, dataset: { part: "amount" } }) : typed("amount", money)),
      method === "cash" ? labelled("tendered", t("frame.pay_tendered"), typed("tendered", money)) : null,
      OWN_WORDS.has(method) ? labelled("reference", t(VOUCHER.has(method) ? "frame.pay_voucher" : "frame.pay_reference"), typed("reference", { maxlength: 64, placeholder: t(VOUCHER.has(method) ? "frame.pay_voucher" : "frame.pay_reference") }), ".wide") : null,
      DOUBTABLE.has(method) ? h("label.tick", { title: t("frame.pay_doubt_hint") }, h("input", {
        type: "checkbox", tabindex: "-1", dataset: { part: "doubt" }, checked: line.doubt,
        onchange: (event) => { line.doubt = event.target.checked; this.#told(); },
      }), t("frame.pay_doubt")) : null,
      this.lines.length > 1 ? h("button.quiet", { type: "button", "aria-label": t("frame.pay_remove"), onclick: () => this.#remove(index) }, "×") : null);
  }

  #remove(index) {
    this.lines.splice(index, 1);
    this.#draw();
    this.#told();
    goTo(this.#home(Math.max(0, index - 1)));
  }

  /** The rest of the last line and the change to hand out. */
  #settle() {
    const amounts = this.#amounts();
    const rest = this.rows.querySelector(".pay-rest");
    if (rest) rest.textContent = amounts.at(-1) === null ? "—" : yuan(amounts.at(-1));
    let change = 0;
    for (const [index, line] of this.lines.entries()) {
      const tendered = this.#method(line) === "cash" && line.tendered.trim() ? cents(line.tendered) : null;
      if (tendered !== null && amounts[index] !== null) change += tendered - amounts[index];
    }
    const short = change < 0;
    this.changeLabel.textContent = t(short ? "frame.pay_missing" : "frame.pay_change");
    this.change.textContent = this.total === null ? "—" : yuan(Math.abs(change));
    this.change.classList.toggle("red", short);
    this.place.toggleAttribute("data-nothing-due", this.total === 0);
  }
}

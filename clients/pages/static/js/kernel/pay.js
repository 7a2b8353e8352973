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

const fresh = () => [{ method: null, amount: "", tendered: "", reference: "", doubt: false }];

/**
 * The payment part of a form. The last line always takes what the lines before it leave, so amounts are keyed only
 * where a bill is split. `changed(lines)` is called after every keystroke: keep it in a draft, give it back to `fill`.
 */
export class Pay {
  /** `methods`: the codes this hospital takes now, in the order of their number keys. */
  constructor(place, { methods, changed = () => {} }) {
    this.place = place;
    this.methods = methods;
    this.changed = changed;
    this.lines = fresh();
    this.total = null; // cents
    this.rows = h("div.pay-lines", { role: "group", "aria-label": t("frame.pay_lines") });
    this.change = h("output.total.pay-change", {});
    this.changeLabel = h("span", {}, t("frame.pay_change"));
    this.more = h("button", { type: "button", dataset: { key: "F8" }, onclick: () => this.add() }, t("frame.pay_more"), h("kbd", {}, "F8"));
    this.foot = h("div.pay-foot", {}, this.more, h("span.push", {}, this.changeLabel, " ", this.change));
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

  /** Put the cursor on how the bill is paid. */
  focus() {
    const first = this.rows.querySelector("select");
    if (first && !this.place.hidden && this.total !== 0) goTo(first);
    return Boolean(first) && this.total !== 0;
  }

  /** One more method; the cursor goes to the amount of the line that was last until now. */
  add() {
    if (this.lines.length >= MOST_LINES) return;
    const rest = this.lines.length - 1;
    const used = new Set(this.lines.map((line) => this.#method(line)));
    this.lines.push({ ...fresh()[0], method: this.methods.find((code) => !used.has(code)) ?? this.methods[0] });
    this.#draw();
    this.#told();
    this.#field(rest, "amount")?.focus();
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
      if (amount === null || amount <= 0) return this.#wrong(index, index < this.lines.length - 1 ? "amount" : "method", t("frame.pay_wrong_amount"));
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

  #wrong(index, name, sentence) {
    wrong(this.#field(index, name) ?? this.rows.querySelector("select"), sentence);
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
    const labelled = (name, text, field, css = "") => h(`span.pay-part${css}`, {}, h("label", { for: `pay-${index}-${name}` }, text), field);
    const typed = (name, more = {}) => h("input", {
      id: `pay-${index}-${name}`, dataset: { part: name }, value: line[name], autocomplete: "off",
      oninput: (event) => { line[name] = event.target.value; this.#settle(); this.#told(); }, ...more,
    });
    const money = { inputmode: "decimal", maxlength: 12 };
    return h("div.pay-line", { dataset: { line: index } },
      labelled("method", t("frame.pay_method"), h("select", {
        id: `pay-${index}-method`, dataset: { part: "method" },
        onchange: (event) => { line.method = event.target.value; this.#draw(); this.#told(); this.#field(index, "method").focus(); },
      }, this.methods.map((code, at) => h("option", { value: code, selected: code === method }, `${at + 1} ${t(`frame.pay_by_${code}`)}`)))),
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
    this.#field(Math.max(0, index - 1), "method")?.focus();
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

// What is charged: unpaid papers to tick, ours and the centre's, and fee items with their quantity.

import { h, put } from "../kernel/dom.js";
import { goTo } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { t } from "../kernel/page.js";
import { hush, wrong } from "../kernel/say.js";

const COUNT = /^[1-9]\d{0,3}$/;

/** The table of the first tab. Its content is kept in the charge's draft. */
export class Basket {
  constructor(body, { charging }) {
    this.body = body;
    this.charging = charging;
    this.documents = [];
  }

  /** Papers of the patient. */
  show(documents) {
    this.documents = documents;
    this.draw();
  }

  /** Whether a paper is charged: ours unless it was left out, the centre's only after the question. */
  ticked(one) {
    return this.charging.state.ticked[one.id] ?? one.origin === "yj";
  }

  /** Whether the question about the HIS receipt is still open. */
  unasked(one) {
    return one.origin === "centre" && this.charging.state.answered[one.id] === undefined;
  }

  draw() {
    const { items } = this.charging.state;
    put(this.body,
      this.documents.map((one) => this.#document(one)),
      items.map((one, index) => this.#item(one, index)),
      this.documents.length + items.length ? null : h("tr", {}, h("td", { colspan: 5 }, h("small", {}, t(this.charging.person ? "billing.nothing_unpaid" : "billing.no_patient")))));
  }

  #document(one) {
    const has = this.charging.state.answered[one.id] === "has";
    return h(has ? "tr.kept" : "tr", {},
      h("td", {}, h("input", { type: "checkbox", id: `paper-${one.id}`, checked: this.ticked(one), "aria-label": `${t(`billing.found_${one.what}`)} ${one.number}`, onchange: (event) => this.charging.tick(one, event.target.checked) })),
      h("td.names", {},
        h("span", { class: `tag ${one.origin === "centre" ? "centre" : "yj"}` }, t(`billing.origin_${one.origin}`)), " ",
        t(`billing.found_${one.what}`), " ", one.number, " ", h("small", {}, [one.staff_name, has ? t("billing.has_receipt") : null].filter(Boolean).join(" · ")),
        one.lines.map((line) => `${line.name} ×${line.quantity}`).join(t("frame.comma"))),
      h("td.num", {}, t("billing.line_count", { n: one.lines.length })), h("td.num", {}, one.total), h("td", {}, ""));
  }

  #item(one, index) {
    const count = h("input.count", {
      id: `count-${index}`, inputmode: "numeric", maxlength: 4, value: one.quantity, "aria-label": `${one.name} ${t("billing.quantity")}`, dataset: { count: index },
      oninput: (event) => { one.quantity = event.target.value.trim(); this.charging.draft.save(); this.charging.requote(); },
      onkeydown: (event) => this.#key(event, index),
    });
    return h("tr", {}, h("td", {}, ""),
      h("td.names", {}, h("span.tag", {}, t("billing.item")), " ", one.name, h("small", {}, `${one.item_code} ${price(one.unit_price)} / ${one.unit}`)),
      h("td.num", {}, count), h("td.num", { dataset: { amount: index } }, "—"),
      h("td", {}, h("button.quiet", { type: "button", tabindex: "-1", "aria-label": t("billing.remove", { name: one.name }), title: t("billing.remove_hint"), onclick: () => this.#remove(index) }, "×")));
  }

  #key(event, index) {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault(); // on to the next item, not through all that is in the table
      if (this.wrongCount() === index) this.refuse(index);
      else {
        hush();
        goTo(document.getElementById("item"));
      }
    } else if (event.key === "Delete" && event.ctrlKey) {
      event.preventDefault();
      this.#remove(index);
    }
  }

  #remove(index) {
    this.charging.state.items.splice(index, 1);
    this.charging.draft.save();
    this.draw();
    this.charging.requote();
    goTo(document.getElementById("item"));
  }

  /** The cursor on the quantity of an item. */
  toCount(index) {
    goTo(document.getElementById(`count-${index}`));
  }

  /** The first item whose quantity is no whole number, or -1. */
  wrongCount() {
    return this.charging.state.items.findIndex((one) => !COUNT.test(one.quantity));
  }

  /** Say so beside it. */
  refuse(index) {
    hush();
    wrong(document.getElementById(`count-${index}`), t("billing.wrong_count"));
  }

  /** Amounts of the items, as the standby said them. */
  amounts(quote) {
    const lines = (quote?.lines ?? []).filter((line) => line.source === "item");
    for (const cell of this.body.querySelectorAll("[data-amount]")) cell.textContent = lines[Number(cell.dataset.amount)]?.amount ?? "—";
  }
}

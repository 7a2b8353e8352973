// A table walked with the arrow keys: one row at a time is chosen, Enter takes it. Drawn anew without losing the place.

import { h, put } from "./dom.js";
import { t } from "./page.js";

/** The rows of a table body. `cells(item)` gives the cells (nodes or text), `id(item)` what makes it the same row. */
export class Rows {
  /**
   * `take(item)` on Enter or a double click, `moved(item)` whenever another row is chosen, `mark(item)` a class or "".
   * `none` is the message id for an empty table, `numbers` lets the digits 1–9 choose.
   */
  constructor(body, { cells, id = (item) => item.id, take = null, moved = () => {}, mark = () => "", none = "frame.nothing_here", numbers = false }) {
    Object.assign(this, { body, cells, id, take, moved, mark, none, numbers });
    this.items = [];
    this.at = -1;
    body.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The row chosen, or null. */
  get chosen() {
    return this.items[this.at] ?? null;
  }

  /** Show these; the row chosen before stays chosen if it is still among them, `choose` names another by its id. */
  show(items, { choose = this.chosen && this.id(this.chosen) } = {}) {
    const within = this.body.contains(document.activeElement);
    this.items = items;
    this.at = items.findIndex((item) => this.id(item) === choose);
    if (this.at < 0 && items.length) this.at = 0;
    put(this.body, items.length ? items.map((item, index) => this.#row(item, index)) : this.#nothing());
    this.#draw();
    if (within) this.focus();
  }

  /** Put the keyboard on the chosen row; false where there is none. */
  focus() {
    const row = this.body.children[this.at];
    row?.focus();
    return this.at >= 0;
  }

  #nothing() {
    const columns = this.body.closest("table").querySelectorAll("thead th").length || 1;
    return h("tr", {}, h("td.none", { colspan: columns }, h("small", {}, t(this.none))));
  }

  #row(item, index) {
    return h("tr", {
      class: this.mark(item) || null,
      onclick: () => this.#choose(index),
      ondblclick: () => this.take?.(item),
    }, this.cells(item).map((cell) => (cell instanceof HTMLTableCellElement ? cell : h("td", {}, cell ?? ""))));
  }

  #draw() {
    this.body.querySelectorAll("tr").forEach((row, index) => {
      if (index >= this.items.length) return;
      row.setAttribute("aria-selected", String(index === this.at));
      row.tabIndex = index === this.at ? 0 : -1;
    });
  }

  #choose(index) {
    if (index < 0 || index >= this.items.length) return;
    this.at = index;
    this.#draw();
    const row = this.body.children[index];
    row.focus();
    row.scrollIntoView({ block: "nearest" });
    this.moved(this.items[index]);
  }

  #key(event) {
    if (event.target.tagName !== "TR" || event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: this.items.length - 1, PageDown: Math.min(this.at + 10, this.items.length - 1), PageUp: Math.max(this.at - 10, 0) };
    if (event.key in steps) this.#choose(steps[event.key]);
    else if (this.numbers && /^[1-9]$/.test(event.key)) this.#choose(Number(event.key) - 1);
    else if (event.key === "Enter" && this.take && this.chosen) {
      if (!event.repeat) this.take(this.chosen);
    } else return;
    event.preventDefault();
  }
}

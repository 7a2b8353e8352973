// The drawer: own receipt books, the number of the paper, spoilt sheets, books handed out; and the shift.

import { act, Problem } from "../kernel/api.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { walk } from "../kernel/keys.js";
import { page, t } from "../kernel/page.js";
import { ReceiptPaper } from "../kernel/receipt_paper.js";
import { failed, hush, once, said, wrong } from "../kernel/say.js";
import { showShift } from "../kernel/shift.js";

/** The next number as it stands on the sheet. */
const numbered = (book) => book.first_receipt_no.replace(/\d+$/, (digits) => String(book.next_no).padStart(digits.length, "0"));

const WHOLE = /^[1-9]\d{0,7}$/;

/** The fourth tab. */
export class Book {
  constructor({ shift }) {
    this.shift = shift;
    this.paper = new ReceiptPaper(by("book-paper"));
    by("void").addEventListener("click", once(async () => { await this.paper.makeVoid(); this.#draw(); }));
    by("book-paper").addEventListener("focusin", () => this.#draw());
    const form = document.getElementById("issue-form");
    if (form) this.#issuing(form);
  }

  enter() {
    this.#load().catch(failed);
    by("tab-drawer").focus();
  }

  async #load() {
    await Promise.all([this.paper.load(), this.shift.load()]);
    this.#draw();
    showShift(by("shift"), this.shift);
  }

  #draw() {
    const books = this.paper.book?.books ?? [];
    by("void").hidden = this.paper.plain;
    put(by("book"), this.paper.plain
      ? h("p.note", {}, t("billing.plain"))
      : books.length
        ? h("table", { "aria-label": t("billing.book") },
          h("thead", {}, h("tr", {}, ["billing.book_range", "billing.book_next", "billing.book_left", "billing.book_source"].map((id) => h("th", {}, t(id))))),
          h("tbody", {}, books.map((one) => h("tr", {}, h("td", {}, `${one.first_receipt_no} – ${one.last_receipt_no}`), h("td.num", {}, numbered(one)), h("td.num", {}, String(one.remaining)), h("td", {}, t(`billing.book_${one.source}`))))))
        : h("p.note", {}, t(this.paper.book?.automatic ? "billing.book_drill" : "billing.book_missing")));
  }

  // --- a supervisor hands out a book ---------------------------------------------------------------------------------
  #issuing(form) {
    this.draft = new Draft("billing-issue");
    this.draft.bind(form);
    const give = once(() => this.#issue(form));
    by("issue").addEventListener("click", give);
    walk(form, { done: give });
  }

  async #issue(form) {
    hush();
    const field = (name) => form.elements[name];
    if (!field("operator").value.trim()) return wrong(field("operator"), t("billing.issue_operator_needed"));
    for (const name of ["start_no", "end_no"]) if (!WHOLE.test(field(name).value.trim())) return wrong(field(name), t("billing.issue_number_needed"));
    const body = { operator: field("operator").value.trim(), prefix: field("prefix").value.trim(), start_no: Number(field("start_no").value), end_no: Number(field("end_no").value) };
    try {
      const book = await act("/receipt-books", body, this.draft.key);
      this.draft.renew();
      form.reset();
      said(t("billing.issued", { operator: book.operator, from: book.first_receipt_no, to: book.last_receipt_no }));
      if (book.operator === page.operator.code) await this.#load();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      failed(error, form);
    }
    return undefined;
  }
}

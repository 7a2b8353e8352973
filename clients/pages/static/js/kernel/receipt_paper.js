// Pre-printed paper: its number shown large, confirmed against the sheet in the printer, made void, given anew after a
// bad print. Where the hospital prints plain slips there is no number and everything here steps aside.

import { act, get, Problem } from "./api.js";
import { question, refusal } from "./dialog.js";
import { h, put } from "./dom.js";
import { page, t } from "./page.js";
import { printed } from "./print.js";
import { failed, said } from "./say.js";
import { ulid } from "./ulid.js";

/** Refusals after which the number is compared with the sheet again. */
export const DOUBTED = new Set(["receipt_no_mismatch", "receipt_book_unchecked"]);

/** A number as keyed: bare digits go as a number, anything else as the text on the paper. */
const number = (text) => (/^\d{1,8}$/.test(text) ? Number(text) : text);

/** One person's paper. Call `load` once documents can be made. */
export class ReceiptPaper {
  /** `place` shows the number; `key` is the function key of its button. */
  constructor(place, { key = "F7" } = {}) {
    this.place = place;
    this.key = key;
    this.book = null;
    this.plain = false;
    this.kept = `yj:${page.operator.code}:paper`;
  }

  /** The number the next receipt gets: it goes with the charge, and the standby refuses another. Null on plain paper. */
  get number() {
    return this.book?.receipt_no ?? null;
  }

  /** Ask the standby which number is next. */
  async load() {
    try {
      this.book = await get("/receipt-book");
      this.plain = false;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.plain = error.code === "receipt_plain";
      this.book = null;
      if (!this.plain) failed(error);
    }
    this.#draw();
  }

  /** Whether the number was confirmed against the paper; asks at the first use of a book at this computer. */
  async confirmed() {
    if (this.plain) return true;
    if (!this.book) await this.load();
    if (this.plain || this.book?.automatic || sessionStorage.getItem(this.kept) === this.#mark()) return true;
    return this.compare();
  }

  /** Show the number and ask for the one on the sheet; Enter alone says they agree. */
  async compare() {
    if (this.plain) return true;
    await this.load();
    if (!this.number && !this.book?.automatic) return true; // the charge says what is missing
    const answer = await question({
      title: t("frame.paper_compare"),
      body: h("div", {}, h("p.total", {}, this.book?.recheck ?? this.number ?? "—"),
        this.book?.recheck ? h("p.note.bad", {}, t("frame.paper_recheck", { lowest: this.book.recheck })) : null,
        this.book?.shared ? h("p.note.warn", {}, t("frame.paper_shared")) : null),
      fields: [{ name: "paper", label: t("frame.paper_on_sheet"), hint: t("frame.paper_compare_hint"), maxlength: 40 }],
      buttons: [
        { value: "yes", label: t("frame.paper_agrees"), main: true },
        { value: "void", label: t("frame.paper_void"), key: "F8" },
        ...(this.book?.shared ? [{ value: "leave", label: t("frame.paper_leave"), key: "F9" }] : []),
        { value: null, label: t("frame.cancel") },
      ],
      check: async ({ button, paper }) => {
        if (button !== "yes") return null;
        // The HIS printed on it too: what stands here is a guess, the sheet says which number it is.
        if (this.book?.recheck) return paper ? this.#goOn(paper) : t("frame.paper_key_in");
        return !paper || paper === this.number ? null : this.#goOn(paper);
      },
    });
    if (answer?.button === "leave") {
      this.book = await act("/receipt-book/leave", {}, ulid());
      this.#draw();
      return this.number ? this.compare() : false;
    }
    if (answer?.button === "void") {
      await this.makeVoid();
      return this.compare();
    }
    if (answer) sessionStorage.setItem(this.kept, this.#mark());
    return answer !== null;
  }

  /** The standby refused the number: somebody used it meanwhile, or the paper was changed. */
  async disagreed() {
    sessionStorage.removeItem(this.kept);
    return this.compare();
  }

  /** Sheets that are torn, misprinted or lost. */
  async makeVoid() {
    const key = ulid();
    const answer = await question({
      title: t("frame.paper_void"),
      fields: [
        // After the HIS printed on it too, our next number may be in a patient's hands: only the sheet says which is torn.
        { name: "from_no", label: t("frame.paper_from"), value: this.book?.recheck ? "" : this.number ?? "", required: true, maxlength: 40 },
        { name: "to_no", label: t("frame.paper_to"), hint: t("frame.paper_to_hint"), maxlength: 40 },
        { name: "reason", label: t("frame.paper_reason"), value: t("frame.paper_spoilt"), required: true, maxlength: 200 },
      ],
      check: (given) => refusal(async () => {
        const first = number(given.from_no);
        await act("/receipt-book/void", { from_no: first, to_no: given.to_no ? number(given.to_no) : first, reason: given.reason }, key);
      }),
    });
    if (answer) said(t("frame.paper_voided"));
    await this.load();
  }

  /**
   * Print `path` and ask "did it come out?" until it did. `record` counts each copy (POST), `charge` is the id of the
   * charge whose receipt number stands on the paper, or null; `what` names the paper, `body` is shown with the question
   * (the change to hand out). Resolves to the receipt number that is on the good one, or null.
   */
  async print({ what, path, record, charge = null, receipt = null, body = () => null }) {
    let current = receipt;
    for (;;) {
      await act(record, {}, ulid(), { anyMode: true });
      await printed(path);
      let given = null;
      for (let answer = "next"; answer === "next" && !given;) { // without a new number no other sheet is printed
        answer = await this.#cameOut(what, current && charge, body());
        if (answer === "next") given = await this.#reissue(charge);
        else if (answer !== "again") return current;
      }
      current = given ?? current;
    }
  }

  async #cameOut(what, numbered, body) {
    const answer = await question({
      title: t("frame.came_out", { what }),
      body,
      buttons: [
        { value: "yes", label: t("frame.came_out_yes"), main: true },
        { value: "again", label: t("frame.paper_again"), key: "F8" },
        ...(numbered && !this.plain ? [{ value: "next", label: t("frame.paper_next"), key: "F9" }] : []),
      ],
    });
    return answer?.button ?? "yes";
  }

  /** The sheet is spoilt: its number becomes void, the charge gets the next one. Null when it got none. */
  async #reissue(charge) {
    await this.load();
    let given = null;
    let doubted = Boolean(this.book?.recheck);
    do {
      if (doubted && !await this.disagreed()) return null;
      doubted = false;
      const key = ulid();
      await question({
        title: t("frame.paper_next"),
        body: h("p.total", {}, this.number ?? "—"),
        fields: [{ name: "reason", label: t("frame.paper_reason"), value: t("frame.paper_spoilt"), required: true, maxlength: 200 }],
        check: ({ reason }) => refusal(async () => {
          try {
            given = await act(`/charges/${charge}/reissue`, { reason, receipt_no: this.number }, key);
          } catch (error) {
            if (!DOUBTED.has(error.code)) throw error;
            doubted = true; // the question is over: the paper comes first
          }
        }),
      });
      await this.load();
    } while (doubted);
    return given?.receipt_no ?? null;
  }

  async #goOn(paper) {
    return refusal(async () => {
      const now = await act("/receipt-book/confirm", { next_no: number(paper) }, ulid());
      this.book = now;
      this.#draw();
      if (now.skipped.length) said(t("frame.paper_skipped", { n: now.skipped.length }));
    });
  }

  #mark() {
    const state = this.book?.recheck ? "recheck" : this.book?.shared ? "shared" : "";
    return [page.workstation, page.mode.incident_no, this.book?.prefix, this.book?.end_no, state].join(":");
  }

  #draw() {
    this.place.hidden = this.plain;
    if (this.plain) return;
    const { book } = this;
    const [there] = book?.with_his ?? [];
    put(this.place,
      h("span.paper-label", {}, t("frame.paper_number")),
      h("output.paper-no", { "aria-label": t("frame.paper_number") }, this.number ?? (book?.automatic ? t("frame.paper_automatic") : t("frame.paper_none"))),
      h("button.quiet", { type: "button", dataset: { key: this.key }, onclick: () => this.compare().catch(failed) }, t("frame.paper_check"), h("kbd", {}, this.key)),
      book && !book.automatic ? h(book.low ? "small.red" : "small", {}, t(book.low ? "frame.paper_low" : "frame.paper_left", { n: book.remaining })) : null,
      there && !this.number ? h("p.note.bad", {}, t("frame.paper_left_there", { from: there.first_receipt_no, to: there.last_receipt_no })) : null);
    this.place.classList.toggle("paper-missing", !this.number && !book?.automatic);
  }
}

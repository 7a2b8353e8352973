// A paper that is being written, a prescription or an order: its lines, what the standby says of them, the signature.

import { act, ask } from "../kernel/api.js";
import { confirm, question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { mayAct, t, worded } from "../kernel/page.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { barred, readAgain, visit } from "./visit.js";
import { offerPrint } from "./written.js";

function warningList(warnings) {
  return h("ul.reasons", {}, warnings.map((one) => h(one.code === "allergy" ? "li.allergy" : "li", {}, worded(one))));
}

/** Enter goes back to the paper; only the key beside the words goes on, so that nobody acknowledges by holding Enter. */
function acknowledged(warnings) {
  return question({
    title: t("doctor.warned", { n: warnings.length }), body: warningList(warnings),
    buttons: [{ value: null, label: t("doctor.back_to_paper"), main: true }, { value: "yes", label: t("doctor.acknowledge"), key: "F9" }],
  });
}

export class Paper {
  /**
   * `name` is rx or order, `path` the API's, `request(state)` the body without the visit, `cells(line, told, index)` a
   * row, `edit(line, index)` takes a line back into the entry, `home()` puts the keyboard where the next line begins,
   * `halfway()` says whether a line is typed but not added, `carry(state)` is what the next paper begins with.
   */
  constructor(name, { path, fresh, request, cells, edit, home, halfway, carry = () => ({}), shown = () => {} }) {
    Object.assign(this, { name, path, fresh, request, home, halfway, carry, shown });
    this.draft = null;
    this.told = null;
    this.refused = null;
    this.asked = 0;
    this.rows = new Rows(by(`${name}-lines`), {
      none: "doctor.no_lines", id: (line) => line.uid, take: (line) => edit(line, this.lines.indexOf(line)),
      cells: (line) => cells(line, this.told, this.lines.indexOf(line)),
    });
    by(`${name}-sign`).addEventListener("click", once(() => this.sign()));
    by(`${name}-clear`).addEventListener("click", once(() => this.clear()));
    by(`${name}-lines`).addEventListener("keydown", (event) => this.#key(event));
  }

  get lines() {
    return this.draft?.state.lines ?? [];
  }

  /** Take up the paper of this visit as it was left. */
  open(found) {
    this.draft = found ? new Draft(`${this.name}:${found.id}`, this.fresh) : null;
    this.told = this.refused = null;
    if (found && [...found.prescriptions, ...found.orders].some((one) => one.id === this.draft.key)) {
      // It was signed, and the answer got lost on the way here.
      this.draft.renew();
      said(t("doctor.was_made"));
    }
    this.show();
    if (this.lines.length) this.quote();
  }

  /** Lines have changed: keep them, show them, ask what they cost now. */
  changed() {
    this.draft.save();
    this.show();
    this.quote();
  }

  show() {
    this.rows.show(this.lines);
    const total = this.lines.length && this.told ? `¥ ${this.told.total}` : "";
    by(`${this.name}-total`).textContent = total;
    const general = (this.told?.warnings ?? []).filter((one) => !one.line_no);
    put(by(`${this.name}-warnings`),
      this.refused ? h("p.note.bad", { role: "alert" }, this.refused) : null,
      general.map((one) => h("p.note.warn", {}, worded(one))));
    this.permit();
    this.shown(this.told);
  }

  /** Whether it can be signed now. */
  permit() {
    by(`${this.name}-sign`).disabled = !visit || barred(this.name) !== null;
  }

  async #ask() {
    return ask(`/${this.path}/quote`, { registration_id: visit.id, ...this.request(this.draft.state) });
  }

  /** Ask the standby for total and warnings; an answer that was overtaken is dropped. */
  async quote() {
    this.asked += 1;
    const mine = this.asked;
    let told = null;
    let refused = null;
    if (this.lines.length && mayAct("doctor")) {
      try {
        told = await this.#ask();
      } catch (error) {
        refused = error.message;
      }
    }
    if (mine !== this.asked || !this.draft) return;
    this.told = told;
    this.refused = refused;
    this.show();
  }

  async sign() {
    hush();
    if (this.halfway() || !this.#something()) return;
    let told;
    let made;
    try {
      told = await this.#ask();
      if (told.warnings.length && !(await acknowledged(told.warnings))) {
        this.home();
        return;
      }
      const body = { registration_id: visit.id, ...this.request(this.draft.state), acknowledged: [...new Set(told.warnings.map((one) => one.code))] };
      made = await act(`/${this.path}`, body, this.draft.key);
    } catch (error) {
      await this.#refuse(error);
      return;
    }
    const before = this.draft.state;
    this.draft.renew();
    Object.assign(this.draft.state, this.carry(before));
    this.draft.save();
    this.told = this.refused = null;
    this.show();
    await readAgain().catch(() => {});
    await offerPrint(made, made.warnings.filter((one) => !told.warnings.some((other) => other.text === one.text)));
    this.home();
  }

  #something() {
    if (this.lines.length) return true;
    this.refused = t("doctor.no_lines");
    this.show();
    this.home();
    return false;
  }

  async #refuse(error) {
    if (error.code === "idempotency_key_reused") {
      // This paper was signed as it stood before a reload; what is here now is another one.
      this.draft.key = ulid();
      this.draft.save();
      await readAgain().catch(() => {});
      this.refused = t("doctor.made_before");
      this.show();
      return;
    }
    failed(error);
    this.refused = error.message;
    this.show();
    this.home();
  }

  async clear() {
    if (!this.draft) return;
    const something = this.lines.length > 0;
    if (something && !(await confirm(t("doctor.clear_all"), t("doctor.clear_all_why", { n: this.lines.length })))) return;
    hush();
    const before = this.draft.state;
    this.draft.renew();
    Object.assign(this.draft.state, this.carry(before));
    this.told = this.refused = null;
    this.show();
    this.home();
  }

  remove(index) {
    this.draft.state.lines.splice(index, 1);
    this.changed();
    if (this.lines.length) this.rows.focus();
    else this.home();
  }

  #key(event) {
    if (event.target.tagName !== "TR") return;
    if (event.key === "Delete" && this.rows.chosen) this.remove(this.lines.indexOf(this.rows.chosen));
    else if (event.key === "Escape") this.home();
    else return;
    event.preventDefault();
  }
}

// A prescription that a doctor wrote on paper, keyed in at the window: doctor, drugs, quantities.

import { act, get, Problem } from "../kernel/api.js";
import { today, wallClock } from "../kernel/clock.js";
import { inform } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { goTo, walk } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { page, t, worded } from "../kernel/page.js";
import { allergyOf } from "../kernel/person.js";
import { hush, once, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";

const fresh = () => ({ registration_id: null, doctor: null, diagnoses: [], lines: [] });
const COUNT = /^[1-9]\d{0,4}$/;

/** The form in front of the page. `done(made)` hears of the prescription that was written. */
export class PaperPrescription {
  constructor({ done }) {
    this.done = done;
    this.dialog = by("paper-rx");
    this.form = by("paper-rx-form");
    this.draft = new Draft("billing-paper-rx", fresh);
    this.doctors = searching(by("rx-doctor"), {
      load: async (q, signal) => (await get("/staff", { q, limit: 12 }, { signal })).items.filter((one) => one.may_prescribe),
      show: (one) => [h("span", {}, one.name), h("span", {}, one.title ?? ""), h("small", {}, one.staff_code)],
      choose: (one) => this.#doctor({ staff_code: one.staff_code, name: one.name }, true),
    });
    this.diagnoses = searching(by("rx-diagnosis"), {
      load: async (q, signal) => (await get("/diagnoses", { q, limit: 12 }, { signal })).items,
      show: (one) => [h("span", {}, one.name), h("small", {}, one.diagnosis_code)],
      choose: (one) => this.#diagnosis(one),
    });
    this.drugs = searching(by("rx-drug"), {
      load: async (q, signal) => (await get("/drugs", { q, limit: 12 }, { signal })).items,
      show: (one) => [h("span", {}, one.name), h("small", {}, one.spec ?? ""), h("span.num", {}, `${price(one.unit_price)} / ${one.unit}`)],
      choose: (one) => this.#addDrug(one),
    });
    by("rx-doctor").addEventListener("input", () => { this.state.doctor = null; this.draft.save(); });
    by("rx-diagnosis").addEventListener("input", () => { if (!by("rx-diagnosis").value) { this.state.diagnoses = []; this.draft.save(); } });
    const save = once(() => this.#save());
    by("rx-save").addEventListener("click", save);
    by("rx-back").addEventListener("click", () => this.#close());
    walk(this.form, { done: save, back: () => this.#close() });
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.#close(); });
    this.draft.bind(this.form);
  }

  get state() {
    return this.draft.state;
  }

  /** Key in a prescription of this visit. */
  open(person, visit) {
    if (this.state.registration_id !== visit.id) {
      this.draft.renew();
      this.form.reset();
      this.draft.state.fields = {};
    }
    this.state.registration_id = visit.id;
    if (!by("rx-written").value) by("rx-written").value = `${today()}T${wallClock().slice(0, 5)}`;
    put(by("paper-rx-title"), t("billing.paper_rx"), " ", person.name, " ", h("small", {}, `${visit.department_name} ${visit.slip_no ?? ""}`), " ", allergyOf(person));
    this.#doctor(this.state.doctor, false);
    by("rx-diagnosis").value = this.state.diagnoses.map((one) => one.name).join(t("frame.comma"));
    this.#say("");
    this.#draw();
    this.dialog.showModal();
    goTo(by(this.state.doctor ? "rx-drug" : "rx-doctor"));
  }

  #close() {
    hush();
    this.dialog.close();
    goTo(by("item"));
  }

  #doctor(doctor, onward) {
    this.state.doctor = doctor;
    by("rx-doctor").value = doctor ? `${doctor.name} ${doctor.staff_code}` : "";
    this.draft.save();
    if (onward) goTo(by("rx-written"));
  }

  #diagnosis(one) {
    if (!this.state.diagnoses.some((known) => known.diagnosis_code === one.diagnosis_code)) this.state.diagnoses.push({ diagnosis_code: one.diagnosis_code, name: one.name });
    by("rx-diagnosis").value = this.state.diagnoses.map((known) => known.name).join(t("frame.comma"));
    this.draft.save();
    goTo(by("rx-drug"));
  }

  #addDrug(one) {
    this.drugs.clear();
    this.state.lines.push({ drug_code: one.drug_code, name: one.name, spec: one.spec, unit: one.unit, unit_price: one.unit_price, quantity: "" });
    this.draft.save();
    this.#draw();
    goTo(by(`rx-count-${this.state.lines.length - 1}`));
  }

  #draw() {
    put(by("rx-lines"), this.state.lines.length ? this.state.lines.map((line, index) => this.#row(line, index)) : h("tr", {}, h("td", { colspan: 4 }, h("small", {}, t("billing.rx_no_lines")))));
  }

  #row(line, index) {
    const count = h("input", {
      id: `rx-count-${index}`, inputmode: "numeric", maxlength: 5, value: line.quantity, "aria-label": `${line.name} ${t("billing.quantity")}`,
      oninput: (event) => { line.quantity = event.target.value.trim(); this.draft.save(); },
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        if (this.#countsFine(index)) goTo(by("rx-drug"));
      },
    });
    const remove = () => { this.state.lines.splice(index, 1); this.draft.save(); this.#draw(); goTo(by("rx-drug")); };
    return h("tr", {}, h("td", {}, line.name, " ", h("small", {}, line.spec ?? "")), h("td.num", {}, `${price(line.unit_price)} / ${line.unit}`), h("td.num", {}, count),
      h("td", {}, h("button.quiet", { type: "button", tabindex: "-1", "aria-label": t("billing.remove", { name: line.name }), onclick: remove }, "×")));
  }

  #countsFine(only = null) {
    const bad = this.state.lines.findIndex((line, index) => (only === null || only === index) && !COUNT.test(line.quantity));
    hush();
    if (bad >= 0) wrong(by(`rx-count-${bad}`), t("billing.wrong_count"));
    return bad < 0;
  }

  #say(sentence) {
    by("rx-wrong").textContent = sentence;
    by("rx-wrong").hidden = !sentence;
  }

  async #save() {
    this.#say("");
    hush();
    if (!this.state.doctor) return wrong(by("rx-doctor"), t("billing.rx_doctor_needed"));
    if (!by("rx-written").value) return wrong(by("rx-written"), t("billing.rx_written_needed"));
    if (!this.state.lines.length) return wrong(by("rx-drug"), t("billing.rx_no_lines"));
    if (!this.#countsFine()) return undefined;
    const zone = /[+-]\d\d:\d\d$/.exec(page.now)[0];
    const body = {
      registration_id: this.state.registration_id,
      kind: by("rx-kind").value,
      diagnoses: this.state.diagnoses.map((one) => one.diagnosis_code),
      lines: this.state.lines.map((line) => ({ drug_code: line.drug_code, quantity: Number(line.quantity) })),
      paper: { staff_code: this.state.doctor.staff_code, written_at: `${by("rx-written").value}:00${zone}` },
    };
    let made;
    try {
      made = await act("/prescriptions", body, this.draft.key);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return this.#refused(error);
    }
    this.draft.renew();
    this.form.reset();
    this.dialog.close();
    if (made.warnings.length) {
      await inform(t("billing.rx_warnings"), h("ul", {}, made.warnings.map((one) => h("li", { class: one.code === "allergy" ? "red" : null }, worded(one)))));
    }
    return this.done(made);
  }

  #refused(error) {
    const line = /^lines\.(\d+)/.exec(error.field ?? "");
    if (line && by("rx-lines").children[Number(line[1])]) wrong(by(`rx-count-${line[1]}`), error.message);
    else if (error.field?.startsWith("paper.written_at")) wrong(by("rx-written"), error.message);
    else {
      this.#say(error.message);
      goTo(by("rx-drug"));
    }
  }
}

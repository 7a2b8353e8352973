// One line of a prescription being keyed: the drug, its directions, and the packs that follow from them.

import { get } from "../kernel/api.js";
import { by, h, put } from "../kernel/dom.js";
import { goTo, walk } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { page, t } from "../kernel/page.js";
import { hush, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";
import { doseUnits, packs, scaled } from "./quantity.js";

const FIELDS = ["drug", "dose", "dose_unit", "usage", "frequency", "days", "quantity", "note"];
const WORDS = /^[\u3400-\u9fff]{1,8}$/; // a dose may be "as needed" in words
const FREE = /[\u3400-\u9fff]/; // words of one's own; letters alone are a code that no list knows
const UNIT = /^[a-zA-Zμ%\u3400-\u9fff]{1,8}$/;
const WHOLE = /^[1-9]\d{0,4}$/;

/** Entries of a dictionary that begin with, or hold, what was typed; an exact one first. */
function among(list, text) {
  const low = text.toLowerCase();
  const rank = (one) => {
    const [code, initials] = [one.code.toLowerCase(), one.initials.toLowerCase()];
    const extra = (one.extra ?? "").toLowerCase();
    if (one.name === text || code === low || extra === low) return 0;
    if (one.name.startsWith(text) || code.startsWith(low) || initials.startsWith(low)) return 1;
    return one.name.includes(text) ? 2 : 9;
  };
  return list.map((one) => [rank(one), one]).filter(([at]) => at < 9).sort((a, b) => a[0] - b[0]).map(([, one]) => one).slice(0, 12);
}

/** The dictionary's entry for what stands in a field, or null for free words. */
function meant(list, text) {
  return list.find((one) => one.name === text) ?? list.find((one) => one.code.toLowerCase() === text.toLowerCase()) ?? null;
}

export class Entry {
  /** `paper()` the paper that lines go to, `added(line, index)` takes one; `index` is null for a new line. */
  constructor({ paper, added }) {
    Object.assign(this, { paper, added });
    this.form = by("line");
    this.fields = Object.fromEntries(FIELDS.map((name) => [name, this.form.elements[name]]));
    this.#drugField();
    this.#unitField();
    this.#dictionaryField("usage", () => page.data.usages);
    this.#dictionaryField("frequency", () => page.data.frequencies);
    this.form.addEventListener("input", (event) => this.#typed(event.target));
    this.form.addEventListener("change", (event) => this.#typed(event.target));
    walk(this.form, { done: () => this.add(), back: () => this.#back() });
  }

  get #state() {
    return this.paper().draft.state;
  }

  /** The drug that was chosen, or null. */
  get drug() {
    return this.#state.drug ?? null;
  }

  /** Whether something stands here that was not added yet. */
  get halfway() {
    return this.drug !== null || this.fields.drug.value.trim() !== "";
  }

  /** Show what was kept. */
  fill() {
    const kept = this.#state.fields ?? {};
    for (const name of FIELDS) this.fields[name].value = kept[name] ?? "";
    this.#label();
  }

  focus() {
    goTo(this.drug && this.fields.drug.value ? this.fields.dose : this.fields.drug);
  }

  empty() {
    Object.assign(this.#state, { drug: null, fields: {}, editing: null, keyed: false });
    this.paper().draft.save();
    this.fill();
  }

  /** Take a line of the paper back into the fields. */
  edit(line, index) {
    Object.assign(this.#state, {
      drug: line.drug, editing: index, keyed: true,
      fields: {
        drug: line.name, dose: line.dose ?? "", dose_unit: line.dose_unit ?? "", usage: line.usage_name, frequency: line.frequency_name,
        days: line.days ? String(line.days) : "", quantity: String(line.quantity), note: line.note ?? "",
      },
    });
    this.paper().draft.save();
    this.fill();
    goTo(this.fields.dose);
  }

  // --- fields -----------------------------------------------------------------------------------------------------
  #drugField() {
    const field = this.fields.drug;
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const text = field.value.trim();
      const still = this.drug && text === this.drug.name;
      if (event.key === "Enter" && (still || text === "")) {
        event.preventDefault();
        event.stopImmediatePropagation();
        if (still) goTo(this.fields.dose);
        else if (this.paper().lines.length) by("rx-sign").focus();
      } else if (event.key === "ArrowUp" && text === "" && this.paper().rows.focus()) event.preventDefault();
    });
    searching(field, {
      load: async (text, signal) => (await get("/doctor/drugs", { q: text, kind: this.#state.kind, limit: 15 }, { signal })).items,
      show: (drug) => this.#found(drug),
      choose: (drug) => this.#take(drug),
      empty: (text) => wrong(field, t("doctor.no_drug", { text })),
    });
  }

  #found(drug) {
    const marks = [
      drug.active ? null : t("doctor.stopped_tag"), drug.special_form ? t("doctor.special_tag") : null,
      drug.skin_test ? t("doctor.skin_test") : null,
    ].filter(Boolean);
    return [
      h("span", {}, h("strong", {}, drug.name), drug.trade_name ? ` ${drug.trade_name}` : "", " ", h("small", {}, `${drug.spec} ${drug.manufacturer ?? ""}`)),
      ...marks.map((mark) => h("span.tag.bad", {}, mark)),
      h("span", {}, `${price(drug.unit_price)}/${drug.unit}`),
      drug.stock === "0" ? h("span.tag.bad", {}, t("doctor.out_of_stock")) : h("small", {}, drug.stock === null ? t("doctor.no_stock_known") : t("doctor.stock", { n: drug.stock })),
    ];
  }

  #take(drug) {
    hush();
    if (drug.special_form || !drug.active) {
      this.fields.drug.value = "";
      wrong(this.fields.drug, t(drug.special_form ? "doctor.special_form" : "doctor.stopped", { name: drug.name }));
      return;
    }
    const last = this.paper().lines[this.paper().lines.length - 1];
    const kept = this.#state.fields ?? {};
    this.#state.drug = drug;
    this.#state.fields = {
      ...kept, drug: drug.name, dose_unit: doseUnits(drug)[0],
      usage: kept.usage || last?.usage_name || "", frequency: kept.frequency || last?.frequency_name || "",
      days: kept.days || (last?.days ? String(last.days) : ""),
    };
    this.paper().draft.save();
    this.fill();
    this.#compute();
    goTo(this.fields.dose);
  }

  #dictionaryField(name, list) {
    const field = this.fields[name];
    searching(field, {
      load: async (text) => among(list(), text),
      show: (one) => [one.name, h("small", {}, one.code)],
      choose: (one) => {
        field.value = one.name;
        this.#typed(field);
        this.#next(field);
      },
      empty: (text) => {
        if (list().length === 0 || FREE.test(text)) this.#next(field);
        else wrong(field, t("doctor.not_in_list", { text }));
      },
    });
  }

  #unitField() {
    const field = this.fields.dose_unit;
    searching(field, {
      load: async (text) => (this.drug ? doseUnits(this.drug).filter((unit) => unit.toLowerCase().startsWith(text.toLowerCase())) : []),
      show: (unit) => [unit],
      choose: (unit) => {
        field.value = unit;
        this.#typed(field);
        this.#next(field);
      },
      empty: () => this.#next(field),
    });
  }

  #next(field) {
    goTo(this.fields[FIELDS[FIELDS.indexOf(field.name) + 1]]);
  }

  #label() {
    by("days-label").textContent = t(this.#state.kind === "herbal" ? "doctor.doses" : "doctor.days");
    const drug = this.drug;
    by("unit").textContent = drug ? drug.unit : "";
    put(by("drug-facts"), !drug ? null : [
      h("span", {}, drug.spec), h("span", {}, `¥ ${price(drug.unit_price)}/${drug.unit}`),
      drug.stock === null ? h("span", {}, t("doctor.no_stock_known")) : h(drug.stock === "0" ? "span.red" : "span", {}, t("doctor.stock", { n: `${drug.stock}${drug.unit}` })),
      drug.skin_test ? h("span.red", {}, t("doctor.skin_test")) : null,
      drug.control_class ? h("span.red", {}, t(`doctor.control_${drug.control_class}`)) : null,
      this.#state.computed ? h("span", {}, t("doctor.computed", { n: this.#state.computed, unit: drug.unit })) : null,
    ]);
  }

  #typed(field) {
    if (!FIELDS.includes(field.name)) return;
    hush();
    this.#state.fields ??= {};
    this.#state.fields[field.name] = field.value;
    if (field.name === "drug" && this.drug && field.value.trim() !== this.drug.name) {
      this.#state.drug = null;
      this.#label();
    }
    if (field.name === "quantity") this.#state.keyed = field.value.trim() !== "";
    else if (field.name !== "note") this.#compute();
    this.paper().draft.save();
  }

  /** Packs from dose, frequency and days, unless the doctor keyed them. */
  #compute() {
    const value = (name) => this.fields[name].value.trim();
    const times = meant(page.data.frequencies, value("frequency"))?.extra ?? null;
    const days = WHOLE.test(value("days")) ? Number(value("days")) : null;
    const count = packs(this.drug, { dose: value("dose"), unit: value("dose_unit"), times, days });
    this.#state.computed = count;
    if (!this.#state.keyed) {
      this.fields.quantity.value = count ?? "";
      this.#state.fields.quantity = this.fields.quantity.value;
    }
    this.#label();
  }

  // --- going on ---------------------------------------------------------------------------------------------------
  #wrong() {
    const value = (name) => this.fields[name].value.trim();
    const herbal = this.#state.kind === "herbal";
    if (!this.drug) return ["drug", t(value("drug") ? "doctor.choose_drug" : "doctor.drug_missing")];
    if (!scaled(value("dose")) && !WORDS.test(value("dose"))) return ["dose", t("doctor.dose_wrong")];
    if (scaled(value("dose")) && !UNIT.test(value("dose_unit"))) return ["dose_unit", t("doctor.unit_missing")];
    if (!value("usage")) return ["usage", t("doctor.usage_missing")];
    if (!value("frequency") && !herbal) return ["frequency", t("doctor.frequency_missing")];
    for (const [name, list] of [["usage", page.data.usages], ["frequency", page.data.frequencies]]) {
      if (value(name) && list.length && !meant(list, value(name)) && !FREE.test(value(name))) return [name, t("doctor.not_in_list", { text: value(name) })];
    }
    if (value("days") ? !/^([1-9]\d?|[12]\d\d|3[0-5]\d|36[0-5])$/.test(value("days")) : herbal) return ["days", t("doctor.days_wrong")];
    if (!WHOLE.test(value("quantity"))) return ["quantity", t("doctor.quantity_wrong")];
    return null;
  }

  add() {
    hush();
    const bad = this.#wrong();
    if (bad) {
      wrong(this.fields[bad[0]], bad[1]);
      goTo(this.fields[bad[0]]);
      return;
    }
    const value = (name) => this.fields[name].value.trim();
    const { drug } = this;
    const { editing } = this.#state;
    const usage = meant(page.data.usages, value("usage"));
    const frequency = meant(page.data.frequencies, value("frequency"));
    const line = {
      uid: ulid(), drug, name: drug.name, drug_code: drug.drug_code, quantity: Number(value("quantity")),
      dose: value("dose"), dose_unit: scaled(value("dose")) ? value("dose_unit") || null : null,
      usage: usage?.code ?? value("usage"), usage_name: usage?.name ?? value("usage"),
      frequency: frequency?.code ?? (value("frequency") || null), frequency_name: frequency?.name ?? value("frequency"),
      days: value("days") ? Number(value("days")) : null, note: value("note") || null,
    };
    this.empty();
    this.added(line, editing ?? null);
    goTo(this.fields.drug);
  }

  #back() {
    hush();
    if (this.halfway) {
      this.empty();
      goTo(this.fields.drug);
    } else goTo(by("find"));
  }
}

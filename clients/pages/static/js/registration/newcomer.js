// A new patient: name, sex, birth date or age; ways through for a newborn, somebody unknown, a foreigner. Who may be the
// same person is shown while the form is being filled, and again when the standby has looked.

import { act, get, Problem } from "../kernel/api.js";
import { today } from "../kernel/clock.js";
import { inform, question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { goTo, walk } from "../kernel/keys.js";
import { page, t, worded } from "../kernel/page.js";
import { ageOf, sexOf } from "../kernel/person.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, wrong } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { foundLine } from "./person.js";

const PASSPORT = "03";
// 41, 3Y2M, 5D, or with the Chinese signs for years, months, days.
const AGE = /^(?:(\d{1,3})\s*(?:Y|\u5c81)?)?\s*(?:(\d{1,2})\s*(?:M|\u6708))?\s*(?:(\d{1,4})\s*(?:D|\u5929))?$/i;

/** What was keyed for birth date or age: `{birth_date}`, `{age}`, `{}` for nothing, null for what is neither. */
function bornOf(text) {
  const keyed = text.trim().replaceAll("/", "-").replaceAll(".", "-");
  if (!keyed) return {};
  const date = /^(\d{4})-?(\d{1,2})-?(\d{1,2})$/.exec(keyed);
  if (date && (keyed.includes("-") || keyed.length === 8)) {
    const [, year, month, day] = date;
    const text10 = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
    const made = new Date(`${text10}T00:00:00Z`);
    return !Number.isNaN(made.getTime()) && made.toISOString().startsWith(text10) ? { birth_date: text10 } : null;
  }
  const age = AGE.exec(keyed);
  if (!age) return null;
  const [, years, months, days] = age;
  const parts = { years, months, days };
  return { age: Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined).map(([name, value]) => [name, Number(value)])) };
}

/** Birth date and sex that a resident id number tells, or null. */
function ofResidentId(text) {
  const found = /^\d{6}(\d{4})(\d{2})(\d{2})\d{2}(\d)[0-9X]$/i.exec(text.trim());
  return found && { birth_date: `${found[1]}-${found[2]}-${found[3]}`, sex: Number(found[4]) % 2 ? "M" : "F" };
}

/** The form of a new patient. */
export class Newcomer {
  /** `made(id)` with the patient made or chosen; `back()` when the person turns round. */
  constructor({ made, back }) {
    this.made = made;
    this.back = back;
    this.form = by("newcomer");
    this.draft = new Draft("newcomer", () => ({ fields: {} }));
    this.alike = new Rows(by("alike").querySelector("tbody"), {
      cells: (one) => [one.name, sexOf(one), `${one.birth_date ?? ""} ${ageOf(one)}`, one.patient_no, one.phone ?? "", [one.guardian_name, one.guardian_phone].filter(Boolean).join(" ")],
      take: (one) => this.#use(one.id),
    });
    put(by("insurance_type"), h("option", { value: "" }, t("registration.self_pay")), page.data.insurance_types.map((one) => h("option", { value: one.code }, one.name)));
    put(by("id_type"), h("option", { value: "" }), page.data.id_types.map((one) => h("option", { value: one.code }, one.name)));
    this.draft.bind(this.form);
    this.create = once(() => this.#create());
    walk(this.form, { done: this.create, back: () => this.back() });
    by("create").addEventListener("click", this.create);
    by("new-back").addEventListener("click", () => this.back());
    by("kind").addEventListener("change", () => this.#shape());
    for (const name of ["name", "id_no", "phone", "guardian_phone"]) by(name).addEventListener("change", () => this.#look().catch(() => {}));
    by("id_no").addEventListener("change", () => this.#fromId());
    this.#shape({ fill: false });
  }

  /** Open the form, what was searched for already in its field; initials are nobody's name. */
  open(searched = "") {
    const text = /^([a-z]+|[A-Z]{1,4})$/.test(searched) ? "" : searched;
    const field = /^\+?[\d -]{7,}$/.test(text) && text.length <= 15 ? "phone" : /^[0-9X]{15,18}$/i.test(text) ? "id_no" : /^\d+$/.test(text) ? "card_no" : "name";
    if (text && !by(field).value) {
      by(field).value = text;
      by(field).dispatchEvent(new Event("change", { bubbles: true }));
    }
    goTo(by(by("name").value ? "sex" : "name"));
  }

  #shape({ fill = true } = {}) {
    const kind = by("kind").value;
    for (const part of this.form.querySelectorAll("[data-of]")) part.hidden = !part.dataset.of.split(" ").includes(kind);
    if (!fill) return;
    const set = (name, value) => { if (!by(name).value) { by(name).value = value; by(name).dispatchEvent(new Event("change", { bubbles: true })); } };
    if (kind === "newborn") set("born", today());
    if (kind === "foreign" && page.data.id_types.some((one) => one.code === PASSPORT)) set("id_type", PASSPORT);
  }

  #fromId() {
    const told = ofResidentId(by("id_no").value);
    if (!told) return;
    for (const [name, value] of [["born", told.birth_date], ["sex", told.sex]]) {
      if (by(name).value) continue;
      by(name).value = value;
      by(name).dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  /** Who is there already that this may be: by id number, phone, name. */
  async #look() {
    const fields = this.#shown();
    const asked = [fields.id_no, fields.phone, fields.guardian_phone, fields.name].filter((text) => text && text.length >= 2);
    const found = new Map();
    for (const text of asked) {
      for (const one of (await get("/patients", { q: text, limit: 8 })).items) found.set(one.id, one);
    }
    const items = [...found.values()].slice(0, 12);
    by("alike").hidden = items.length === 0;
    this.alike.show(items);
    return items;
  }

  /** What stands in the fields that the kind of patient has. */
  #shown() {
    const fields = {};
    for (const field of this.form.elements) {
      if (field.name && !field.closest("[hidden]")) fields[field.name] = field.value.trim();
    }
    return fields;
  }

  /** The request, or null: then the first wrong field is marked. */
  #body() {
    hush();
    const { kind, born, ...fields } = this.#shown();
    const unknown = kind === "unknown";
    const told = bornOf(born);
    if (!unknown && !fields.name) return this.#wrong("name", t("registration.need_name"));
    if (!unknown && !fields.sex) return this.#wrong("sex", t("registration.need_sex"));
    if (told === null || (!unknown && !born)) return this.#wrong("born", t("registration.need_born"));
    if (kind === "newborn" && !fields.guardian_name) return this.#wrong("guardian_name", t("registration.need_guardian"));
    if (kind === "foreign" && !fields.id_no) return this.#wrong("id_no", t("registration.need_passport"));
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
    return { ...given, ...told, ...(unknown ? { unknown: true } : {}) };
  }

  #wrong(name, sentence) {
    wrong(by(name), sentence);
    return null;
  }

  async #create() {
    if (by("create").disabled) return;
    const body = this.#body();
    if (body === null) return;
    if (!(await this.#mayGoOn(body))) return;
    let made;
    try {
      made = await act("/patients", body, this.draft.key);
    } catch (error) {
      if (error instanceof Problem && error.code === "idempotency_key_reused") {
        await this.#madeBefore(body);
        return;
      }
      if (error instanceof Problem && error.field) error.errors = error.errors.map((one) => ({ ...one, field: one.field.replace(/^(birth_date|age).*$/, "born") }));
      if (error instanceof Problem && /^(birth_date|age)/.test(error.field ?? "")) error.field = "born";
      failed(error, this.form);
      return;
    }
    this.clear();
    const same = made.possible_duplicates.length ? await this.#twins(made) : null;
    await this.made(same ?? made.id, made.warnings.map((one) => worded(one)));
  }

  /** An archive was made under this key, its answer never came: taken for this person only if it is the same one. */
  async #madeBefore(body) {
    const older = await get(`/patients/${this.draft.key}`);
    const same = (name) => !body[name] || body[name] === older[name];
    if (["name", "sex", "birth_date", "phone"].every(same)) {
      await this.#use(older.id);
      return;
    }
    this.draft.key = ulid();
    this.draft.save();
    await inform(t("registration.new_patient"), t("registration.archive_before", { who: older.name, number: older.patient_no }));
  }

  /** No phone, or somebody of this name and birth date: asked once before an archive is made. */
  async #mayGoOn(body) {
    const alike = (await this.#look()).filter((one) => (body.id_no ? false : one.name === body.name && one.birth_date && one.birth_date === body.birth_date));
    if (alike.length) {
      const answer = await question({
        title: t("registration.alike_before"),
        body: h("ul", {}, alike.map((one) => h("li", {}, foundLine(one).flatMap((cell) => [cell, " "])))),
        buttons: [
          { value: "use", label: t("registration.use_found"), main: true },
          { value: "new", label: t("registration.make_anyway"), key: "F9" },
          { value: null, label: t("frame.cancel") },
        ],
      });
      if (answer?.button === "use") await this.#use(alike[0].id);
      return answer?.button === "new";
    }
    if (body.unknown || body.phone || body.guardian_phone) return true;
    const answer = await question({
      title: t("registration.no_phone"),
      fields: [{ name: "phone", label: t("registration.phone"), hint: t("registration.no_phone_hint"), maxlength: 30 }],
      check: ({ phone }) => (!phone || /^\+?[0-9][0-9 -]{2,29}$/.test(phone) ? null : t("registration.bad_phone")),
    });
    if (answer?.phone) body.phone = answer.phone;
    return answer !== null;
  }

  /** The standby found others who may be this person: the clerk decides whom the visit is for. */
  async #twins(made) {
    const answer = await question({
      title: t("registration.twins", { no: made.yj_no }),
      body: h("p", {}, t("registration.twins_hint")),
      fields: [{
        name: "who", label: t("registration.visit_for"),
        options: [{ value: made.id, label: t("registration.the_new_one", { name: made.name, no: made.yj_no }) },
          ...made.possible_duplicates.map((one) => ({ value: one.id, label: `${one.name} ${sexOf(one)} ${one.birth_date ?? ""} ${one.patient_no} ${one.phone ?? ""}` }))],
      }],
      buttons: [{ value: "yes", label: t("frame.ok"), main: true }],
    });
    return answer?.who ?? null;
  }

  async #use(id) {
    this.clear();
    await this.made(id, []);
  }

  /** Whether somebody new was begun. */
  get begun() {
    return ["name", "id_no", "phone", "guardian_phone"].some((name) => by(name).value.trim() !== "");
  }

  /** An empty form. */
  clear() {
    this.draft.renew();
    this.form.reset();
    this.#shape();
    by("alike").hidden = true;
    hush();
  }
}

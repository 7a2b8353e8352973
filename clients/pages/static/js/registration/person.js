// The patient at the desk: found by whatever was typed, swiped or scanned, shown with everything that must be seen.

import { get } from "../kernel/api.js";
import { today } from "../kernel/clock.js";
import { by, h, put } from "../kernel/dom.js";
import { page, t } from "../kernel/page.js";
import { ageOf, sexOf } from "../kernel/person.js";
import { Rows } from "../kernel/rows.js";
import { failed } from "../kernel/say.js";
import { searching } from "../kernel/search.js";

/** The number on one of our slips. */
export const SLIP = /^YJ\d{10,}$/i;

/** The name of an insurance type, or null for one who pays everything himself. */
function insurance(person) {
  if (!person.insurance_type) return null;
  return page.data.insurance_types.find((one) => one.code === person.insurance_type)?.name ?? person.insurance_type;
}

/** A person as one line of a list. */
export function foundLine(person) {
  return [
    `${person.name} ${sexOf(person)} ${ageOf(person)}`,
    h("small", {}, person.birth_date ?? ""),
    h("small", {}, person.patient_no),
    h("small", {}, person.phone ?? ""),
    person.guardian_name ? h("small", {}, t("registration.guardian_is", { name: person.guardian_name, phone: person.guardian_phone ?? "" })) : "",
    person.allergy ? h("span.allergy", {}, person.allergy) : "",
    person.insurance_type ? h("span.tag", {}, t("registration.insured")) : "",
  ];
}

/** A day less than `months` months ago: weight matters to whoever doses. */
export function youngerThan(person, months) {
  if (!person?.birth_date) return false;
  const [year, month, day] = person.birth_date.split("-").map(Number);
  const [thisYear, thisMonth, thisDay] = today().split("-").map(Number);
  const whole = (thisYear - year) * 12 + thisMonth - month - (thisDay < day ? 1 : 0);
  return whole < months;
}

/** The search, the card and the visits of the patient at the desk. */
export class Person {
  /** `chosen(person)` after a choice, `nobody(text)` when Enter found nobody, `visit(item)` for a visit taken from the list. */
  constructor({ chosen, nobody, visit }) {
    this.card = by("card");
    this.now = null;
    this.visits = [];
    this.loaded = null; // resolves once the visits of the present person are known
    this.chosen = chosen;
    this.list = new Rows(by("visits").tBodies[0], {
      cells: (item) => [
        h("td", {}, `${item.registered_at.slice(11, 16)} ${item.department_name}`, " ", h("small", {}, item.staff_name ?? "")),
        h("td.num", {}, item.queue_no ?? ""),
        h("td", {}, t(`registration.state_${item.status}`), item.origin === "centre" ? h("span.tag.centre", {}, t("registration.centre")) : null),
      ],
      take: visit,
    });
    this.search = searching(by("find"), {
      load: async (text, signal) => (await get("/patients", { q: text, limit: 12 }, { signal })).items,
      show: foundLine,
      choose: (person) => this.choose(person.id).catch(failed),
      empty: (text) => this.#nobody(text, nobody, visit).catch(failed),
    });
  }

  async #nobody(text, nobody, visit) {
    if (SLIP.test(text)) {
      const { items } = await get("/registrations", { slip_no: text });
      if (items.length) {
        await this.choose(items[0].patient_id);
        this.search.clear();
        visit(items[0]);
        return;
      }
    }
    nobody(text);
  }

  /** Take this person to the desk. */
  async choose(id) {
    const person = await get(`/patients/${encodeURIComponent(id)}`);
    this.search.clear();
    this.show(person);
    this.chosen(person);
    await this.refresh();
  }

  /** Show a person without telling anybody: after a reload. */
  show(person) {
    this.now = person;
    const years = youngerThan(person, 14 * 12);
    const fact = (name, value) => (value ? [h("dt", {}, t(`registration.${name}`)), h("dd", {}, value)] : []);
    put(this.card,
      h("p", {}, h("span.name", {}, person.name), ` ${sexOf(person)} `, h("strong", {}, ageOf(person))),
      person.allergy ? h("p.allergy", {}, `${t("registration.allergy")} ${person.allergy}`) : null,
      h("p", {},
        person.insurance_type ? h("span.tag.warn", { title: t("registration.insured_hint") }, `${insurance(person)} · ${t("registration.insured")}`) : h("span.tag", {}, t("registration.self_pay")), " ",
        person.origin === "yj" ? h("span.tag.yj", {}, t("registration.made_here")) : null),
      h("dl.facts", {},
        fact("patient_no", person.patient_no), fact("born", person.birth_date), fact("phone", person.phone),
        years || person.guardian_name ? fact("guardian", [person.guardian_name, person.guardian_phone].filter(Boolean).join(" ")) : [],
        fact("id_no", person.id_no), fact("address", person.address)));
  }

  /** Look at the visits again. */
  refresh() {
    const found = this.#visits();
    this.loaded = found.catch(() => {});
    return found;
  }

  async #visits() {
    if (!this.now) return;
    const { id } = this.now;
    const { items } = await get("/registrations", { patient_id: id });
    if (this.now?.id !== id) return;
    this.visits = items.filter((item) => item.registered_at.slice(0, 10) === today()).reverse();
    by("visits").hidden = this.visits.length === 0;
    this.list.show(this.visits);
  }

  /** A valid visit of today in this department, if there is one. */
  liveIn(department) {
    return this.visits.find((item) => item.department_code === department && !["cancelled", "seen"].includes(item.status));
  }

  /** The next one, please. */
  clear() {
    this.now = null;
    this.visits = [];
    put(this.card);
    by("visits").hidden = true;
    this.search.clear();
  }
}

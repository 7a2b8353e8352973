// What is sold: the department, then a doctor's session or a number without a doctor, with sold and capacity as of then.

import { get } from "../kernel/api.js";
import { wallClock } from "../kernel/clock.js";
import { by, h, put } from "../kernel/dom.js";
import { inScope } from "../kernel/frame.js";
import { after, goTo } from "../kernel/keys.js";
import { page, t } from "../kernel/page.js";
import { Rows } from "../kernel/rows.js";
import { failed } from "../kernel/say.js";
import { searching } from "../kernel/search.js";

const SESSIONS = [["am", 6, 12], ["pm", 12, 18]];

/** The half-day of the standby's clock, as the server reckons it. */
function sessionNow() {
  const hour = Number(wallClock().slice(0, 2));
  return SESSIONS.find(([, from, until]) => hour >= from && hour < until)?.[0] ?? "night";
}

/** Departments that fit what was typed: initials, the beginning of the name or of a word in it, code. */
export function departmentsFor(text) {
  const wanted = text.trim().toUpperCase();
  const rank = (one) => {
    if (!wanted || one.code.toUpperCase() === wanted) return 0;
    if (one.pinyin.startsWith(wanted)) return 1;
    if (one.name.toUpperCase().startsWith(wanted)) return 2;
    return one.name.toUpperCase().includes(wanted) || one.pinyin.includes(wanted) ? 3 : null;
  };
  const fitting = page.data.departments.map((one) => [rank(one), one]).filter(([place]) => place !== null);
  fitting.sort(([a, one], [b, other]) => inScope(other.code) - inScope(one.code) || a - b);
  return fitting.map(([, one]) => one);
}

/** A department as one line of a list. */
function departmentLine(one) {
  return [one.name, h("small", {}, one.pinyin), h("small", {}, one.location ?? ""),
    inScope(one.code) ? h("small", {}, one.code) : h("span.tag.bad", {}, t("registration.out_of_scope"))];
}

/** The department and the offer chosen. */
export class Offer {
  /** `changed()` after every choice. */
  constructor({ changed }) {
    this.changed = changed;
    this.department = null;
    this.doctors = [];
    this.field = by("department");
    this.list = new Rows(by("offers").tBodies[0], {
      cells: (item) => [
        h("td.num", {}, String(this.list.items.indexOf(item) + 1)),
        h("td", {}, item.staff_name ?? t("registration.no_doctor"), " ", h("small", {}, item.title ?? "")),
        item.type_name, item.session ? t(`registration.session_${item.session}`) : "",
        h("td.num", {}, item.total),
        h("td.num", {}, item.capacity === null || item.capacity === undefined ? "" : `${item.sold}/${item.capacity}`,
          item.full ? h("span.tag.bad", {}, t("registration.full")) : null),
      ],
      mark: (item) => (item.full ? "full" : item.later ? "later" : ""),
      take: (item) => this.#taken(item), moved: () => this.changed(), numbers: true, none: "registration.choose_department",
    });
    this.list.show([]);
    this.search = searching(this.field, {
      all: true,
      load: async (text) => departmentsFor(text),
      show: departmentLine,
      choose: (one) => this.choose(one.code).then(() => this.list.focus()).catch(failed),
    });
    this.field.addEventListener("change", () => { if (this.department) this.field.value = this.department.name; });
  }

  #taken() {
    this.changed();
    const next = after(by("sell"), this.list.body);
    if (next) goTo(next);
  }

  /** The row chosen, or null. */
  get chosen() {
    return this.department ? this.list.chosen : null;
  }

  /** Take a department; `row` chooses an offer by its id. */
  async choose(code, row = null) {
    const department = page.data.departments.find((one) => one.code === code) ?? null;
    if (!department) return;
    this.department = department;
    this.field.value = department.name;
    await this.refresh(row);
  }

  /** Look at sold and capacity again. */
  async refresh(row = this.list.chosen?.id ?? null) {
    const { department } = this;
    if (!department) return;
    const offer = await get(`/departments/${encodeURIComponent(department.code)}/offer`);
    if (this.department !== department) return;
    this.doctors = offer.staff;
    const now = sessionNow();
    const sessions = offer.schedules.map((one) => ({ ...one, id: `s:${one.schedule_id}`, later: one.session !== now }));
    const plain = offer.types.map((one) => ({ ...one, id: `t:${one.type_code}`, type_name: one.name, staff_code: null, schedule_id: null, session: null }));
    const rows = [...sessions.filter((one) => !one.later), ...plain, ...sessions.filter((one) => one.later)];
    this.list.show(rows, { choose: row ?? (rows.find((one) => !one.full) ?? rows[0])?.id }); // an Enter too many sells nothing full
    put(by("offers-as-of"), sessions.length ? t("registration.as_of", { time: (offer.as_of ?? "—").slice(0, 16).replace("T", " ") }) : "",
      offer.in_scope ? null : h("span.red", {}, t("registration.out_of_scope_long")));
    const kept = by("staff_code").value;
    put(by("staff_code"), h("option", { value: "" }, t("registration.as_chosen")), this.doctors.map((one) => h("option", { value: one.staff_code }, `${one.name} ${one.title ?? ""}`)));
    by("staff_code").value = this.doctors.some((one) => one.staff_code === kept) ? kept : "";
    this.changed();
  }

  /** The next one, please. */
  clear() {
    this.department = null;
    this.search.clear();
    this.list.show([]);
    put(by("offers-as-of"));
    put(by("staff_code"), h("option", { value: "" }, t("registration.as_chosen")));
  }
}

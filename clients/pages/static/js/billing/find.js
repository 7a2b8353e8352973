// Who stands at the window: a patient by any of their names and numbers, or a paper that was scanned.

import { get } from "../kernel/api.js";
import { h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { ageOf, allergyOf, sexOf } from "../kernel/person.js";

const NUMBER = /\d{3}/; // what may be the number of a paper; a name never is

/** Patients, and the visits and papers whose number it is. Items: `{what, patient_id, visit_id, row}`. */
export async function findPeople(text, signal) {
  const papers = NUMBER.test(text)
    ? [get("/registrations", { slip_no: text }, { signal }), get("/prescriptions", { number: text }, { signal }), get("/orders", { number: text }, { signal })]
    : [];
  const [people, visits, prescriptions, orders] = await Promise.all([get("/patients", { q: text, limit: 12 }, { signal }), ...papers]);
  const written = (what, found) => (found?.items ?? []).map((row) => ({ what, row, patient_id: row.patient_id, visit_id: row.registration_id }));
  return [
    ...(visits?.items ?? []).map((row) => ({ what: "slip", row, patient_id: row.patient_id, visit_id: row.id })),
    ...written("rx", prescriptions),
    ...written("order", orders),
    ...people.items.map((row) => ({ what: "patient", row, patient_id: row.id, visit_id: null })),
  ];
}

/** The cells of one found person or paper. */
export function shownPerson({ what, row }) {
  if (what !== "patient") {
    return [h("span", {}, row.patient_name), h("span", {}, t(`billing.found_${what}`)), h("small", {}, row.slip_no ?? row.rx_no ?? row.order_no ?? "")];
  }
  return [h("span", {}, row.name), h("span", {}, `${sexOf(row)} ${ageOf(row)}`), h("small", {}, row.patient_no), h("small", {}, row.phone ?? row.guardian_phone ?? ""), allergyOf(row)];
}

/** Charges by receipt number, machine number or patient. Items: charges, and patients whose charges may be asked for. */
export async function findCharges(text, signal) {
  const [receipts, numbers, people] = await Promise.all([
    get("/charges", { receipt_no: text }, { signal }),
    get("/charges", { yj_no: text }, { signal }),
    get("/patients", { q: text, limit: 8 }, { signal }),
  ]);
  return [...receipts.items, ...numbers.items, ...people.items.map((row) => ({ what: "patient", row, patient_id: row.id }))];
}

/** The charge that the act of this key made, or null where it was never done: what a lost answer would have said. */
export async function madeUnder(key) {
  try {
    return await get(`/charges/${key}`);
  } catch (error) {
    if (error.code === "charge_not_found") return null;
    throw error;
  }
}

/** The cells of one found charge or patient. */
export function shownCharge(item) {
  if (item.what === "patient") return shownPerson(item);
  return [h("span", {}, item.patient_name), h("span", {}, item.receipt_no ?? item.first_receipt_no ?? "—"), h("small", {}, item.yj_no), h("span.num", {}, item.total)];
}

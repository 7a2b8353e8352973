// How a patient stands on a page: name, sex, age in days or months for infants, allergies in red, a child's guardian.

import { h } from "./dom.js";
import { t, worded } from "./page.js";

/** The age in the page's language, or an empty text. */
export function ageOf(person) {
  return worded(person, "age") ?? "";
}

/** "女" or "F"; nothing for an unknown sex. */
export function sexOf(person) {
  return person.sex ? t(`frame.sex_${person.sex}`) : "";
}

/** Allergies as a red mark, or null where none is noted. */
export function allergyOf(person) {
  return person.allergy ? h("span.allergy", {}, t("frame.allergy", { what: person.allergy })) : null;
}

/** A child's guardian and phone, or null. */
export function guardianOf(person) {
  if (!person.guardian_name && !person.guardian_phone) return null;
  return h("span", {}, t("frame.guardian", { name: person.guardian_name ?? "", phone: person.guardian_phone ?? "" }));
}

/** The line of nodes that belongs wherever a patient is open. `person` is any answer that names sex, age and allergy. */
export function personLine(person) {
  return [
    h("strong.person-name", {}, person.patient_name ?? person.name ?? ""),
    h("span", {}, sexOf(person)),
    h("span", {}, ageOf(person)),
    person.weight_kg ? h("span", {}, t("frame.weight", { kg: person.weight_kg })) : null,
    allergyOf(person) ?? h("small", {}, t("frame.no_allergy")),
    guardianOf(person),
  ];
}

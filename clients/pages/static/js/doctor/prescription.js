// The prescription: diagnoses, kind, lines; written by keyboard from the first letter to the signature.

import { get } from "../kernel/api.js";
import { by, h, put } from "../kernel/dom.js";
import { goTo } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { page, t, worded } from "../kernel/page.js";
import { hush, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { Entry } from "./entry.js";
import { likeliest, MANY } from "./likely.js";
import { Paper } from "./paper.js";
import { visit } from "./visit.js";

const fresh = () => ({ kind: "western", diagnoses: [], lines: [], drug: null, fields: {}, editing: null, keyed: false });

function directions(line) {
  const dose = line.dose ? `${line.dose}${line.dose_unit ?? ""}` : "";
  const length = line.days ? t(line.drug.category === "herbal" ? "doctor.for_doses" : "doctor.for_days", { n: line.days }) : "";
  return [dose, line.usage_name, line.frequency_name, length, line.note].filter(Boolean).join(" ");
}

function cells(line, told, index) {
  const warnings = (told?.warnings ?? []).filter((one) => one.line_no === index + 1);
  return [
    h("td.num", {}, String(index + 1)),
    h("td", {}, h("strong", {}, line.name), " ", h("small", {}, line.drug.spec), line.drug.skin_test ? h("span.red", {}, ` ${t("doctor.skin_test")}`) : null,
      warnings.map((one) => h(one.code === "allergy" ? "span.warned.bad" : "span.warned", {}, worded(one)))),
    directions(line),
    h("td.num", {}, `${line.quantity} ${line.drug.unit}`),
    h("td.num", {}, told?.lines[index] ? price(told.lines[index].unit_price) : ""),
    h("td.num", {}, told?.lines[index]?.amount ?? ""),
  ];
}

const paper = new Paper("rx", {
  path: "prescriptions", fresh, cells,
  request: (state) => ({
    kind: state.kind, diagnoses: state.diagnoses.map((one) => one.code),
    lines: state.lines.map((line) => ({
      drug_code: line.drug_code, quantity: line.quantity, dose: line.dose, dose_unit: line.dose_unit,
      usage: line.usage, frequency: line.frequency, days: line.days, note: line.note,
    })),
  }),
  carry: (state) => ({ kind: state.kind, diagnoses: state.diagnoses }),
  edit: (line, index) => entry.edit(line, index),
  home: () => goTo(by("drug")),
  halfway() {
    if (!entry.halfway) return false;
    wrong(by("drug"), t("doctor.line_waits"));
    entry.focus();
    return true;
  },
  shown(told) {
    if (paper.draft) {
      by("kind").value = paper.draft.state.kind;
      showDiagnoses();
      entry.fill();
    }
    const place = page.data.departments.find((one) => one.department_code === told?.pharmacy_code);
    by("rx-pharmacy").textContent = told?.pharmacy_code ? t("doctor.at_pharmacy", { name: place?.name ?? told.pharmacy_code }) : "";
  },
});

const entry = new Entry({
  paper: () => paper,
  added(line, index) {
    if (index !== null && index < paper.lines.length) paper.lines[index] = line;
    else paper.lines.push(line);
    paper.changed();
  },
});

// --- diagnoses ----------------------------------------------------------------------------------------------------
function showDiagnoses() {
  put(by("diagnoses"), paper.draft.state.diagnoses.map((one, index) => h("li", {}, one.name,
    h("button.quiet", { type: "button", "aria-label": t("doctor.without", { name: one.name }), onclick: () => without(index) }, "×"))));
}

function without(index) {
  paper.draft.state.diagnoses.splice(index, 1);
  paper.changed();
  goTo(by("diagnosis"));
}

function diagnose(one) {
  hush();
  search.clear();
  const { diagnoses } = paper.draft.state;
  if (diagnoses.length >= 20) {
    wrong(by("diagnosis"), t("doctor.too_many_diagnoses"));
    return;
  }
  if (!diagnoses.some((other) => other.code === one.diagnosis_code)) diagnoses.push({ code: one.diagnosis_code, name: one.name });
  paper.changed();
  goTo(by("diagnosis"));
}

by("diagnosis").addEventListener("input", hush);
by("diagnosis").addEventListener("keydown", (event) => {
  if (event.isComposing || event.target.value !== "") return;
  if (event.key === "Enter") goTo(by("drug"));
  else if (event.key === "Backspace" && paper.draft?.state.diagnoses.length) without(paper.draft.state.diagnoses.length - 1);
  else if (event.key === "Escape") goTo(by("find"));
  else return;
  event.preventDefault();
});

const search = searching(by("diagnosis"), {
  load: async (text, signal) => likeliest((await get("/diagnoses", { q: text, limit: MANY }, { signal })).items, text),
  show: (one) => [one.name, h("small", {}, one.diagnosis_code)],
  choose: diagnose,
  empty: (text) => wrong(by("diagnosis"), t("doctor.no_diagnosis_found", { text })),
});

by("kind").addEventListener("change", (event) => {
  paper.draft.state.kind = event.target.value;
  paper.changed();
});
by("kind").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); goTo(by("drug")); }
});

// --- with the visit -----------------------------------------------------------------------------------------------
export function openPrescription(found) {
  paper.open(found);
  if (!found || paper.draft.restored || paper.draft.state.diagnoses.length) return;
  const earlier = found.prescriptions.find((one) => one.diagnoses.length && one.status !== "cancelled");
  if (earlier) {
    paper.draft.state.diagnoses = earlier.diagnoses;
    showDiagnoses();
  }
}

/** The keyboard where the work goes on: the diagnosis first, then the drugs. */
export function workOnPrescription() {
  if (!visit) return;
  if (paper.draft.state.diagnoses.length || paper.lines.length) entry.focus();
  else goTo(by("diagnosis"));
}

export const prescription = paper;
/** Whether something of this visit was begun and not signed. */
export function prescriptionBegun() {
  return Boolean(paper.draft) && (paper.lines.length > 0 || entry.halfway);
}

// The pharmacist's counter: one prescription at a time is printed, handed over and checked, or taken back.

import { act } from "../kernel/api.js";
import { dayAndTime } from "../kernel/clock.js";
import { confirm, question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { inScope, onMode } from "../kernel/frame.js";
import { inHand } from "../kernel/in_hand.js";
import { goTo } from "../kernel/keys.js";
import { mayAct, page, t } from "../kernel/page.js";
import { personLine } from "../kernel/person.js";
import { printUntilOut } from "../kernel/print.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { beginList, chosen, onChosen, readList, stateTag, toList } from "./list.js";

const CHECKER = "yj:pharmacy:checker";

let one = null;
let hand = null; // the hand-over that is being made of it: which lines, under which key
let asking = false; // it lies open in front of the page

const acting = () => mayAct("pharmacist");
const nameOf = (code) => page.data.pharmacists.find((person) => person.code === code)?.name ?? "";
const place = (code) => page.data.pharmacies.find((other) => other.code === code)?.name ?? code ?? "";

function directions(line) {
  const dose = line.dose ? `${line.dose}${line.dose_unit ?? ""}` : "";
  const days = line.days ? t(one.kind === "herbal" ? "pharmacy.for_doses" : "pharmacy.for_days", { n: line.days }) : "";
  return [dose, page.data.usages[line.usage] ?? line.usage, page.data.frequencies[line.frequency] ?? line.frequency, days, line.note].filter(Boolean).join(" ");
}

// --- one prescription ---------------------------------------------------------------------------------------------
function show(found) {
  if (found?.id !== one?.id) hand = found ? new Draft(`handover:${found.id}`, () => ({ without: [], checker: null })) : null;
  one = found;
  by("nothing").hidden = Boolean(one);
  by("one").hidden = !one;
  if (!one) return;
  put(by("person"), personLine(one.patient), stateTag(one.state), h(one.origin === "yj" ? "span.tag.yj" : "span.tag.centre", {}, t(`pharmacy.of_${one.origin}`)));
  put(by("facts"), [
    [t(one.origin === "yj" ? "pharmacy.number" : "pharmacy.his_no"), one.rx_no], [t("pharmacy.kind"), t(`pharmacy.kind_${one.kind}`)], [t("pharmacy.doctor"), one.staff_name],
    [t("pharmacy.diagnosis"), one.diagnoses.map((other) => other.name).join(", ")], [t("pharmacy.total"), one.total],
    [t("pharmacy.receipt_no"), one.receipt_no], [t("pharmacy.pharmacy"), place(one.pharmacy_code)],
    [t("pharmacy.his_no"), one.origin === "yj" ? one.central_key ?? t("pharmacy.not_uploaded") : null],
    [t("pharmacy.as_of"), one.as_of?.slice(11, 16)],
  ].filter(([, value]) => value).map(([label, value]) => h("span", {}, h("small", {}, `${label} `), value)));
  showLines();
  put(by("notes"), one.notes.map((note) => h("li", {}, t(`pharmacy.note_${note.kind}`, {
    time: dayAndTime(note.at), who: `${note.handed_by.name} ${note.handed_by.code}`,
    checker: `${nameOf(note.checked_by)} ${note.checked_by}`, n: note.pieces,
  }))));
  put(by("copies"), one.copies ? t("pharmacy.again", { n: one.copies }) : "");
  permit();
}

function showLines() {
  const focused = document.activeElement?.closest("#lines") ? document.activeElement.dataset.line : null;
  put(by("lines"), one.lines.map((line) => {
    const gone = line.paid === 0;
    const tick = h("input", {
      type: "checkbox", checked: line.to_hand_over > 0 && !hand.state.without.includes(line.line_id), disabled: line.to_hand_over === 0,
      dataset: { line: line.line_id }, "aria-label": t("pharmacy.give_this", { name: line.name }), onchange: () => ticked(line, tick.checked),
    });
    return h(gone ? "tr.gone" : "tr", {},
      h("td.tick-cell", {}, tick),
      h("td", {}, h("strong", {}, line.name), " ", h("small", {}, line.spec ?? ""), gone ? h("span.tag.bad", {}, t("pharmacy.refunded_line")) : null),
      h("td", {}, directions(line)),
      h("td.num", {}, `${line.quantity} ${line.unit}`),
      h("td.num", {}, line.handed_over ? `${line.handed_over} ${line.unit}` : ""),
      h("td.num", {}, line.to_hand_over ? h("strong", {}, `${line.to_hand_over} ${line.unit}`) : line.quantity > line.paid && !gone ? t("pharmacy.part_refunded", { n: line.quantity - line.paid }) : ""));
  }));
  if (focused) by("lines").querySelector(`[data-line="${focused}"]`)?.focus();
}

function ticked(line, on) {
  hand.state.without = hand.state.without.filter((id) => id !== line.line_id);
  if (!on) hand.state.without.push(line.line_id);
  hand.save();
  permit();
}

const toGive = () => one.lines.filter((line) => line.to_hand_over > 0 && !hand.state.without.includes(line.line_id));

/** Why nothing can be recorded about the chosen prescription now, as a sentence; null where it can. */
function barred() {
  const { mode } = page;
  if (!acting()) return t("pharmacy.only_looking");
  if (mode.mode === "normal") return t("pharmacy.mode_normal");
  if (mode.mode === "returning") return t("pharmacy.mode_returning");
  if (one && one.origin === "centre" && !inScope(one.department_code)) return t("pharmacy.out_of_scope");
  return null;
}

function permit() {
  by("mode-note").textContent = barred() ?? "";
  by("mode-note").hidden = !barred();
  if (!one) return;
  const open = acting() && (page.mode.mode !== "normal" || one.origin === "yj");
  by("print").disabled = !open;
  by("hand").disabled = !open || toGive().length === 0;
  by("return").disabled = !open || !one.lines.some((line) => line.handed_over > 0);
}

// --- acts ---------------------------------------------------------------------------------------------------------
const print = once(async () => {
  const { id, rx_no: number } = one;
  hush();
  await printUntilOut({ what: number, path: `/print/prescription/${id}`, record: `/prescriptions/${id}/prints` });
  await readList();
  toList();
});

function checkers() {
  const others = page.data.pharmacists.filter((person) => person.code !== page.operator.code);
  return [
    ...others.map((person) => ({ value: person.code, label: `${person.code} ${person.name}`, also: person.initials })),
    { value: page.operator.code, label: t("pharmacy.alone", { code: page.operator.code }) },
  ];
}

function lineList(lines, count) {
  return h("ul.reasons", {}, lines.slice(0, 12).map((line) => h("li", {}, `${line.name} ${line.spec ?? ""} × ${count(line)} ${line.unit}`)),
    lines.length > 12 ? h("li", {}, t("pharmacy.and_more", { n: lines.length - 12 })) : null);
}

const handOver = once(async () => {
  hush();
  const lines = toGive();
  if (!lines.length) return;
  const prescription = one;
  const draft = hand;
  asking = true;
  const answer = await question({
    title: t("pharmacy.hand_these", { name: prescription.patient.name, n: lines.length }),
    body: h("div", {}, prescription.patient.allergy ? h("p.allergy", {}, t("frame.allergy", { what: prescription.patient.allergy })) : null,
      lineList(lines, (line) => line.to_hand_over)),
    fields: [{ name: "checker", label: t("pharmacy.checker"), hint: t("pharmacy.checker_hint"), required: true, among: checkers(), value: draft.state.checker ?? sessionStorage.getItem(CHECKER) ?? "" }],
    // Not F9 again: the list has gone on to the next patient by then, and a key pressed twice would hand over to him.
    buttons: [{ value: "yes", label: t("pharmacy.record_hand_over"), main: true }, { value: null, label: t("frame.cancel") }],
  }).finally(() => { asking = false; });
  if (!answer) {
    toList();
    return;
  }
  if (answer.checker === page.operator.code && !(await confirm(t("pharmacy.alone_title"), t("pharmacy.alone_why")))) return;
  draft.state.checker = answer.checker;
  draft.save();
  const whole = lines.length === prescription.lines.filter((line) => line.to_hand_over > 0).length;
  const body = { checked_by: answer.checker, ...(whole ? {} : { lines: lines.map((line) => line.line_id) }) };
  try {
    await act(`/prescriptions/${prescription.id}/handover`, body, draft.key);
    sessionStorage.setItem(CHECKER, answer.checker);
    said(t("pharmacy.handed", { name: prescription.patient.name }));
  } catch (error) {
    failed(error); // another pharmacist was first, or it was refunded meanwhile: the list shows how it stands now
  }
  draft.renew();
  await readList();
  toList();
});

const takeBack = once(async () => {
  hush();
  const out = one.lines.filter((line) => line.handed_over > 0);
  if (!out.length) return;
  const prescription = one;
  const answer = await question({
    title: t("pharmacy.take_back_from", { name: prescription.patient.name }),
    fields: [
      ...out.map((line, index) => ({ name: `line${index}`, label: t("pharmacy.back_of", { name: line.name, n: line.handed_over, unit: line.unit }), value: String(line.handed_over), required: true, maxlength: 4 })),
      { name: "reason", label: t("pharmacy.reason"), required: true, maxlength: 200 },
    ],
    check: (given) => (out.every((line, index) => /^\d{1,4}$/.test(given[`line${index}`]) && Number(given[`line${index}`]) <= line.handed_over)
      && out.some((line, index) => Number(given[`line${index}`]) > 0) ? null : t("pharmacy.back_wrong")),
  });
  if (!answer) {
    toList();
    return;
  }
  const lines = out.map((line, index) => ({ line_id: line.line_id, quantity: Number(answer[`line${index}`]) })).filter((line) => line.quantity > 0);
  try {
    await act(`/prescriptions/${prescription.id}/return`, { reason: answer.reason, lines }, ulid());
    said(t("pharmacy.taken_back", { name: prescription.patient.name }));
  } catch (error) {
    failed(error);
  }
  await readList();
  toList();
});

// --- beginning ----------------------------------------------------------------------------------------------------
inHand(() => asking);
onChosen(show);
by("print").addEventListener("click", print);
by("hand").addEventListener("click", handOver);
by("return").addEventListener("click", takeBack);
by("lines-go").addEventListener("click", () => by("lines").querySelector("input:not(:disabled)")?.focus());
by("lines").addEventListener("keydown", (event) => {
  const ticks = Array.from(by("lines").querySelectorAll("input:not(:disabled)"));
  const at = ticks.indexOf(event.target);
  if (event.key === "ArrowDown") ticks[at + 1]?.focus();
  else if (event.key === "ArrowUp") ticks[at - 1]?.focus();
  else if (event.key === "Enter") by("hand").focus();
  else if (event.key === "Escape") toList();
  else return;
  event.preventDefault();
});
onMode(permit);
beginList();
goTo(by("find"));
show(chosen());

// The registration desk: who, where to, the money, the slip. One form, one act, one document.

import { act, get, Problem } from "../kernel/api.js";
import { confirm, inform } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { inScope, onMode } from "../kernel/frame.js";
import { inHand } from "../kernel/in_hand.js";
import { goTo, walk } from "../kernel/keys.js";
import { mayAct, page, t, worded } from "../kernel/page.js";
import { Pay } from "../kernel/pay.js";
import { DOUBTED, ReceiptPaper } from "../kernel/receipt_paper.js";
import { failed, hush, once, said, wrong } from "../kernel/say.js";
import { Shift, showShift } from "../kernel/shift.js";
import { ulid } from "../kernel/ulid.js";
import { Newcomer } from "./newcomer.js";
import { Offer } from "./offer.js";
import { feeOf, Own, Visits } from "./own.js";
import { Person, youngerThan } from "./person.js";

const INFANT_MONTHS = 36; // up to here a dose goes by weight
const form = by("sell");
const draft = new Draft("registration", () => ({ patient: null, department: null, row: null, pay: null, sent: null, view: "sell", fields: {} }));

// --- the parts ----------------------------------------------------------------------------------------------------
const paper = new ReceiptPaper(by("sheet"));
const pay = new Pay(by("pay"), { methods: page.data.methods, changed: (lines) => { draft.state.pay = lines; draft.save(); } });
const visits = new Visits({ paper, changed: async () => { await Promise.all([person.refresh(), offer.refresh(), own.refresh()]); } });
const shift = new Shift({ changed: () => showShift(by("shift"), shift, { keys: { main: "F9", print: "F7" } }) });
const person = new Person({
  chosen: (found) => {
    draft.state.patient = found.id;
    draft.save();
    show("sell");
    settle();
    goTo(by("department"));
  },
  nobody: (text) => { show("new"); newcomer.open(text); },
  visit: (item) => visits.open(item),
});
const offer = new Offer({
  changed: () => {
    draft.state.department = offer.department?.code ?? null;
    draft.state.row = offer.chosen?.id ?? null;
    draft.save();
    settle();
  },
});
const newcomer = new Newcomer({
  made: async (id, warnings) => {
    await person.choose(id);
    if (warnings.length) said(warnings.join(" "), { good: false });
  },
  back: () => { show("sell"); goTo(by("find")); },
});
inHand(() => draft.state.patient !== null || newcomer.begun);
const own = new Own({ visits, back: () => { show("sell"); goTo(by("find")); } });

// --- what is shown ------------------------------------------------------------------------------------------------
function show(view) {
  for (const part of document.querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view;
  draft.state.view = view;
  draft.save();
}

/** Which of the seldom parts matter now, and what is to be paid. */
function settle() {
  const emergency = offer.department?.kind === "emergency" || by("visit_kind").value === "emergency";
  by("level-part").hidden = !emergency;
  by("weight-part").hidden = !youngerThan(person.now, INFANT_MONTHS);
  const free = by("centre_slip_no").value.trim() !== "";
  const total = free ? "0.00" : offer.chosen?.total ?? null;
  by("due").textContent = total ?? "—";
  pay.due(total);
}

function possible() {
  const { mode } = page.mode;
  const says = !mayAct("registrar") ? "look" : mode === "emergency" ? null : mode;
  by("possible").hidden = says === null;
  by("possible").textContent = says ? t(`registration.possible_${says}`) : "";
  for (const button of [by("register"), by("create")]) button.disabled = says === "look" || says === "normal";
}

// --- the act ------------------------------------------------------------------------------------------------------
/** What the form asks for, or null: then the first thing missing is marked. */
function wanted() {
  hush();
  const missing = (field, id) => { wrong(field, t(id)); return null; };
  if (!person.now) return missing(by("find"), "registration.need_patient");
  if (!offer.department) return missing(by("department"), "registration.need_department");
  if (!inScope(offer.department.code)) return missing(by("department"), "registration.out_of_scope_long");
  const row = offer.chosen;
  if (!row) return missing(by("department"), "registration.need_offer");
  const weight = by("weight-part").hidden ? "" : by("weight_kg").value.trim();
  if (weight && !/^\d{1,3}(\.\d{1,3})?$/.test(weight)) return missing(by("weight_kg"), "registration.bad_weight");
  const payments = pay.payments();
  if (payments === null) return null;
  const given = {
    staff_code: by("staff_code").value || row.staff_code, schedule_id: row.schedule_id, session: by("session").value,
    visit_kind: by("visit_kind").value, weight_kg: weight, centre_slip_no: by("centre_slip_no").value.trim(),
    triage_level: by("level-part").hidden ? null : Number(by("triage_level").value) || null, seen: by("seen").checked || null,
  };
  const filled = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return { patient_id: person.now.id, department_code: offer.department.code, type_code: row.type_code, payments, ...filled };
}

async function register() {
  if (by("register").disabled) return;
  const body = wanted();
  if (body === null) return;
  await person.loaded; // a fast hand is here before the list of visits
  const live = body.seen ? null : person.liveIn(body.department_code);
  if (live && !(await confirm(t("registration.already"), `${live.slip_no ?? ""} ${live.department_name} ${live.queue_no ?? ""}`))) return;
  if (body.payments.length && !(await paper.confirmed())) return;
  if (body.payments.length && paper.number) body.receipt_no = paper.number;
  await send(body);
}

/**
 * Send the act until it is answered. The body is kept with its key and never changed on the way, so that after a reload
 * the standby recognises the act; only a refusal of the receipt number makes it another one.
 */
async function send(body) {
  const { done, again } = await attempt(body);
  if (done) await finish(done);
  else if (again) await send({ ...body, receipt_no: paper.number ?? undefined });
}

async function attempt(body) {
  draft.state.sent = body;
  draft.save();
  try {
    return { done: await alone(() => act("/registrations", body, draft.key)) };
  } catch (error) {
    draft.state.sent = null;
    draft.save();
    if (!(error instanceof Problem)) throw error;
    if (DOUBTED.has(error.code)) return { again: await paper.disagreed() };
    if (error.code === "idempotency_key_reused") return { done: await written(body) };
    if (!pay.refused(error)) refused(error);
    return {};
  }
}

/** While an act is on its way nobody turns to the next patient: the form that goes away must be this one. */
async function alone(work) {
  const before = document.activeElement;
  by("work").inert = true;
  try {
    return await work();
  } finally {
    by("work").inert = false;
    if (document.activeElement === document.body) before?.focus();
  }
}

/** What the form and the visit that was made under its key must have in common to be the same act. */
const SAME = ["patient_id", "department_code", "type_code", "staff_code"];

/**
 * The key belongs to a visit that was made with other contents, its answer never came. Taken for this one only if it is
 * the same patient before the same door; else it is told, and the form gets a key of its own.
 */
async function written(body) {
  const visit = await get(`/registrations/${draft.key}`);
  if (SAME.every((name) => (visit[name] ?? null) === (body[name] ?? null))) return { ...visit, charge: feeOf(visit), warnings: [] };
  draft.key = ulid();
  draft.save();
  await inform(t("registration.title"), t("registration.made_before", { who: visit.patient_name, where: visit.department_name, number: visit.slip_no }));
  return null;
}

function refused(error) {
  const field = { out_of_scope: "department", unknown_department: "department", slip_known: "centre_slip_no", patient_not_found: "find" }[error.code];
  failed(error, form);
  if (field) wrong(by(field), error.message);
  paper.load().catch(() => {});
  offer.refresh().catch(() => {}); // prices and sessions may be newer than what was shown
}

async function finish(done) {
  const charge = done.charge;
  const words = done.warnings.map((one) => h("p.note.warn", {}, worded(one)));
  const sum = () => h("div", {}, h("div.sum-up", {},
    h("span", {}, `${done.patient_name} ${done.department_name} `, h("span.queue", {}, t("registration.queue_is", { n: done.queue_no }))),
    charge && charge.change !== "0.00" ? h("span", {}, `${t("frame.pay_change")} `, h("output.total.red", {}, charge.change)) : null), words);
  put(by("last"), h("p.note.good", {}, `${t("registration.done", { who: done.patient_name, where: done.department_name, n: done.queue_no })} ${done.slip_no} ${charge?.receipt_no ?? ""} `,
    charge ? h("strong", {}, `${t("registration.fee")} ${charge.total} ${t("frame.pay_change")} ${charge.change}`) : null));
  clear();
  await paper.load();
  await visits.print(done, sum);
  await paper.load();
  goTo(by("find"));
}

/** The next one, please. */
function clear() {
  draft.renew();
  form.reset();
  person.clear();
  offer.clear();
  pay.clear();
  show("sell");
  settle();
}

// --- keys ---------------------------------------------------------------------------------------------------------
const press = once(register);
walk(form, { done: press, back: () => goTo(by("find")) });
draft.bind(form);
for (const name of ["visit_kind", "centre_slip_no"]) by(name).addEventListener("input", settle);
by("register").addEventListener("click", press);
by("go-find").addEventListener("click", () => { show("sell"); goTo(by("find")); });
by("go-new").addEventListener("click", () => { show("new"); newcomer.open(by("find").value.trim()); });
by("go-own").addEventListener("click", () => { show("own"); own.enter().catch(failed); });
by("go-shift").addEventListener("click", () => showTheShift().catch(failed));
by("shift-back").addEventListener("click", () => { show("sell"); goTo(by("find")); });
document.querySelector("[data-view=shift]").addEventListener("keydown", (event) => { if (event.key === "Escape") by("shift-back").click(); });
by("go-aside").addEventListener("click", () => { show("sell"); goTo(by("staff_code")); });
by("go-next").addEventListener("click", () => { hush(); put(by("last")); newcomer.clear(); clear(); goTo(by("find")); });

// --- beginning ----------------------------------------------------------------------------------------------------
let knownMode = null;
onMode((mode) => {
  possible();
  if (mode.epoch === knownMode) return;
  const first = knownMode === null;
  knownMode = mode.epoch;
  if (mode.mode !== "normal") begin().catch(failed);
  if (!first && offer.department) offer.refresh().catch(failed);
});

/** The first look of an outage at this desk: the paper, and the shift if it is not open yet. */
async function begin() {
  await paper.load();
  if (mayAct("registrar")) await shift.offer();
}

async function showTheShift() {
  show("shift");
  await shift.load();
  by("shift-back").focus();
}

/** Whether the patient of a kept form is still to be had; if not, the form is of no use and the page says why. */
async function found(id) {
  try {
    person.show(await get(`/patients/${encodeURIComponent(id)}`));
    await person.refresh();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    clear();
    failed(error);
    goTo(by("find"));
    return false;
  }
}

/** The form as it was before a reload; an act that was on its way is sent again under its own key. */
async function restore() {
  const { state } = draft;
  if (state.view !== "sell") show(state.view);
  if (state.view === "new") goTo(by("name"));
  if (state.view === "own") await own.enter();
  if (state.view === "shift") await showTheShift();
  if (state.patient && !(await found(state.patient))) return;
  if (state.department) await offer.choose(state.department, state.row);
  pay.fill(state.pay);
  draft.fill(form);
  settle();
  if (state.sent) await send(state.sent);
  else if (state.department && state.view === "sell") pay.focus();
  else if (state.patient && state.view === "sell") goTo(by("department"));
}

settle();
if (draft.restored) once(restore)();
else goTo(by("find"));

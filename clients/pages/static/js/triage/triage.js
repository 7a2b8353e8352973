// The nurse's desk: two lanes, moved by the keyboard, renewed by themselves when the standby says that somebody moved.

import { act, get } from "../kernel/api.js";
import { confirm, question, refusal } from "../kernel/dialog.js";
import { by, h } from "../kernel/dom.js";
import { inScope, onMode, onQueue } from "../kernel/frame.js";
import { goTo } from "../kernel/keys.js";
import { mayAct, page, t } from "../kernel/page.js";
import { ageOf, allergyOf, guardianOf, sexOf } from "../kernel/person.js";
import { renewed, unlikeBefore } from "../kernel/renewed.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";

const GRAVE = [1, 2];
const kept = `yj:${page.operator.code}:triage`;
const lanes = ["yj", "centre"];
const mine = mayAct("triage"); // others may look
const state = { department: null, found: { yj: [], centre: [] }, lane: "yj", withSeen: false };

// What Enter does with a visit: the next step it usually takes.
const NEXT = { paused: "waiting", waiting: "called", absent: "called", called: "seen", seen: "waiting" };

const tables = Object.fromEntries(lanes.map((lane) => [lane, new Rows(by(`${lane}-lane`).tBodies[0], {
  cells: (visit) => [
    h("td.num", {}, visit.queue_no ?? "–"),
    h("td", {}, h("strong", {}, visit.patient_name), ` ${sexOf(visit)} ${ageOf(visit)} `, allergyOf(visit), visit.guardian_name ? h("div", {}, h("small", {}, guardianOf(visit))) : null),
    t(`triage.state_${visit.status}`), visit.staff_name ?? "", visit.triage_level ?? "", visit.registered_at.slice(11, 16),
  ],
  mark: (visit) => `${visit.status}${GRAVE.includes(visit.triage_level) ? " grave" : ""}`,
  take: (visit) => { if (mine) move(visit, NEXT[visit.status]); }, none: "triage.nobody",
})]));

// --- looking ------------------------------------------------------------------------------------------------------
let shown = "";

async function look() {
  const { department, withSeen } = state;
  if (!department) return;
  const asked = [get("/triage/queue", { department_code: department.code })];
  if (withSeen) asked.push(get("/triage/queue", { department_code: department.code, status: "seen" }));
  const answers = await Promise.all(asked);
  if (state.department !== department) return;
  for (const lane of lanes) state.found[lane] = answers.flatMap((answer) => answer[lane]);
  const text = JSON.stringify(state.found) + page.mode.epoch;
  if (text === shown) return;
  shown = text;
  draw();
}

function draw() {
  const wanted = by("find").value.trim().toUpperCase();
  const fits = (visit) => !wanted || visit.patient_name.toUpperCase().includes(wanted) || (visit.slip_no ?? "").toUpperCase().includes(wanted) || String(visit.queue_no) === wanted;
  for (const lane of lanes) {
    tables[lane].show(state.found[lane].filter(fits));
    const count = (status) => state.found[lane].filter((visit) => visit.status === status).length;
    by(`${lane}-count`).textContent = t("triage.counts", { paused: count("paused"), waiting: count("waiting"), called: count("called"), absent: count("absent") });
  }
  by("resume-all").disabled = !mine || !state.found.yj.some((visit) => visit.status === "paused");
}

const quietly = () => look().catch(() => {}); // a silent standby is told in the frame
const queue = onQueue(quietly);

async function choose(code) {
  const department = page.data.departments.find((one) => one.code === code);
  if (!department) return;
  state.department = department;
  shown = "";
  queue.before(code);
  by("department").value = department.name;
  by("to-display").href = `/triage/display?department_code=${encodeURIComponent(code)}`;
  sessionStorage.setItem(kept, code);
  possible();
  await look();
  enter();
}

function enter() {
  const first = tables[state.lane].items.length ? state.lane : lanes.find((lane) => tables[lane].items.length);
  if (first) tables[first].focus();
}

function possible() {
  const { mode } = page.mode;
  const outside = state.department && mode !== "normal" && !inScope(state.department.code);
  by("possible").hidden = mine && mode === "emergency" && !outside;
  by("possible").textContent = !mine ? t("triage.possible_look") : outside ? t("triage.out_of_scope") : mode === "emergency" ? "" : t(`triage.possible_${mode}`);
}

/** The lane whose chosen patient the keys act on. */
function activate(lane) {
  state.lane = lane;
  for (const one of lanes) by(`${one}-lane`).closest(".lane").toggleAttribute("data-active", one === lane);
}

// --- moving -------------------------------------------------------------------------------------------------------
const chosen = () => tables[state.lane].chosen;

const move = once(async (visit, status, more = {}) => {
  hush();
  const done = await act(`/triage/queue/${encodeURIComponent(visit.id)}`, { status, ...more }, ulid(), { anyMode: true });
  await look();
  said(t(more.department_code ? "triage.moved" : `triage.done_${status}`, { n: done.queue_no ?? "", who: done.patient_name, where: done.department_name }));
});

const resumeAll = once(async () => {
  const waiting = state.found.yj.filter((visit) => visit.status === "paused").length;
  if (!waiting || !(await confirm(t("triage.resume_all_sure", { n: waiting, where: state.department.name })))) return;
  const done = await act("/triage/queue/resume-all", { department_code: state.department.code }, ulid(), { anyMode: true });
  await look();
  said(t("triage.resumed", { n: done.resumed }));
  enter();
});

/** Another door or another doctor. */
const elsewhere = once(async () => {
  const visit = chosen();
  if (!visit) return;
  const key = ulid();
  const place = await question({
    title: t("triage.elsewhere_title", { who: visit.patient_name }),
    fields: [{ name: "department_code", label: t("triage.department"), value: visit.department_code, required: true,
      among: page.data.departments.map((one) => ({ value: one.code, label: `${one.name}${inScope(one.code) ? "" : ` (${t("triage.outside")})`}`, also: `${one.pinyin} ${one.code}` })) }],
  });
  if (!place) return;
  const { items } = await get(`/departments/${encodeURIComponent(place.department_code)}/doctors`);
  const same = place.department_code === visit.department_code;
  let done = null;
  await question({
    title: t("triage.doctor_title"),
    fields: [{ name: "staff_code", label: t("triage.doctor"), value: visit.staff_code ?? "",
      options: [{ value: "", label: t(same ? "triage.doctor_same" : "triage.doctor_none") }, ...items.map((one) => ({ value: one.staff_code, label: `${one.name} ${one.title ?? ""}` }))] }],
    check: ({ staff_code }) => refusal(async () => {
      const status = same ? visit.status : visit.status === "paused" ? "paused" : "waiting";
      const body = { status, ...(same ? {} : { department_code: place.department_code }), ...(staff_code ? { staff_code } : {}) };
      done = await act(`/triage/queue/${encodeURIComponent(visit.id)}`, body, key, { anyMode: true });
    }),
  });
  if (!done) return;
  await look();
  said(t("triage.moved", { n: done.queue_no ?? "", who: done.patient_name, where: `${done.department_name} ${done.staff_name ?? ""}` }));
  enter();
});

// --- keys ---------------------------------------------------------------------------------------------------------
by("elsewhere").disabled = !mine;
for (const button of document.querySelectorAll("[data-move]")) {
  button.disabled = !mine;
  button.addEventListener("click", () => {
    const visit = chosen();
    if (visit) move(visit, button.dataset.move).then(() => tables[state.lane].focus());
  });
}
for (const lane of lanes) {
  by(`${lane}-lane`).addEventListener("focusin", () => activate(lane));
  by(`${lane}-lane`).addEventListener("keydown", (event) => {
    const other = { ArrowLeft: "yj", ArrowRight: "centre" }[event.key];
    if (other && tables[other].focus()) event.preventDefault();
  });
}
by("resume-all").addEventListener("click", resumeAll);
by("elsewhere").addEventListener("click", elsewhere);
by("go-department").addEventListener("click", () => goTo(by("department")));
by("go-find").addEventListener("click", () => goTo(by("find")));
by("find").addEventListener("input", draw);
by("find").addEventListener("keydown", (event) => {
  if (event.isComposing || !["Enter", "ArrowDown", "Escape"].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "Escape") { event.target.value = ""; draw(); }
  enter();
});
by("with-seen").addEventListener("change", (event) => { state.withSeen = event.target.checked; shown = ""; look().catch(failed); });
searching(by("department"), {
  all: true,
  load: async (text) => {
    const wanted = text.toUpperCase();
    return page.data.departments.filter((one) => one.pinyin.startsWith(wanted) || one.name.toUpperCase().includes(wanted) || one.code.toUpperCase().startsWith(wanted));
  },
  show: (one) => [one.name, h("small", {}, one.pinyin), h("small", {}, one.location ?? "")],
  choose: (one) => choose(one.code).catch(failed),
});

// --- beginning ----------------------------------------------------------------------------------------------------
activate("yj");
onMode(possible);
draw();
renewed(quietly, queue.told);
onMode(unlikeBefore(quietly));
const first = sessionStorage.getItem(kept) ?? page.station?.department_code;
if (page.data.departments.some((one) => one.code === first)) choose(first).catch(failed);
else goTo(by("department"));

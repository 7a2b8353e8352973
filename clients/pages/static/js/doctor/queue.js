// Who waits: the doctor's own patients or the whole department's, and everybody else by search or scanned slip.

import { act, get } from "../kernel/api.js";
import { dayAndTime } from "../kernel/clock.js";
import { question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { onMode, onQueue } from "../kernel/frame.js";
import { goTo } from "../kernel/keys.js";
import { page, t } from "../kernel/page.js";
import { ageOf, allergyOf, sexOf } from "../kernel/person.js";
import { renewed, spaced, unlikeBefore } from "../kernel/renewed.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";
import { onVisit, openVisit, originTag, took, visit } from "./visit.js";

const EVERY = 8000; // where nobody tells
const RANK = { called: 0, waiting: 1, paused: 2, absent: 3 };
const CLINICS = new Set(["outpatient", "emergency"]);
const PLACE = `yj:doctor:${page.operator.code}`;

const chosen = { department: page.station?.department_code ?? page.data.department_code ?? "", mine: false, ...kept() };

function kept() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

const rows = new Rows(by("queue"), {
  none: "doctor.queue_empty",
  mark: (item) => (item.id === visit?.id ? "chosen" : ""),
  take: (item) => open(item.id),
  cells: (item) => [
    h("td.num", {}, item.queue_no === null ? "" : String(item.queue_no)),
    h("td", {}, h("strong", {}, item.patient_name), " ", h("small", {}, sexOf(item), " ", ageOf(item)), " ",
      item.allergy ? h("span.tag.bad", { title: item.allergy }, t("doctor.allergic")) : null,
      chosen.department === "" ? h("small.where", {}, item.department_name) : null),
    h("td", {}, h("span.tag", { class: `tag ${item.status === "called" ? "good" : item.status === "waiting" ? "" : "warn"}` }, t(`doctor.status_${item.status}`)),
      " ", item.origin === "yj" ? originTag(item) : null),
  ],
});

function place(item) {
  const grave = item.triage_level === 1 || item.triage_level === 2 ? item.triage_level : 9;
  return [grave, RANK[item.status] ?? 4, item.registered_at];
}

function before(one, other) {
  const [a, b] = [place(one), place(other)];
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at] < b[at] ? -1 : 1;
}

let reading = 0;
let shownText = "";

/** Read the queue now. Drawn only where it is another: a row under the mouse is not taken away between two clicks. */
async function readQueue() {
  reading += 1;
  const mine = reading;
  const found = await get("/triage/queue", {
    department_code: chosen.department, staff_code: chosen.mine ? page.data.staff_code ?? "-" : null,
  });
  if (mine !== reading) return;
  const text = JSON.stringify([found, chosen.department]);
  if (text === shownText) return;
  shownText = text;
  rows.show([...found.yj, ...found.centre].sort(before));
  const words = by("queue-note").firstElementChild;
  words.textContent = found.as_of ? t("doctor.queue_as_of", { time: found.as_of.slice(11, 16) }) : "";
}

const open = once(async (id) => {
  hush();
  await openVisit(id);
});

// --- calling ------------------------------------------------------------------------------------------------------

/** Put a visit into another state of the queue. */
export async function move(id, status) {
  took(await act(`/triage/queue/${id}`, { status }, ulid()));
  await readQueue();
}

/** Why there is nobody to call, and what to do instead. */
function nobodyWaits() {
  const called = rows.items.filter((item) => item.status === "called" && item.id !== visit?.id);
  const paused = rows.items.filter((item) => item.status === "paused").length;
  return [t("doctor.nobody_waits"),
    called.length ? t("doctor.already_called", { who: called.map((item) => `${item.queue_no ?? ""} ${item.patient_name}`).join(" / ") }) : "",
    paused ? t("doctor.paused_wait", { n: paused }) : ""].join(" ");
}

const callNext = once(async () => {
  await readQueue(); // another doctor may have called whom this list still shows as waiting
  const next = rows.items.find((item) => item.status === "waiting");
  if (!next) {
    said(nobodyWaits(), { good: false });
    return;
  }
  await move(next.id, "called");
  await openVisit(next.id);
});

// --- finding ------------------------------------------------------------------------------------------------------
const SLIP = /^[A-Za-z]{0,4}\d{8,}$/;

async function people(text, signal) {
  const [slips, found] = await Promise.all([
    SLIP.test(text) ? get("/registrations", { slip_no: text }, { signal }) : { items: [] },
    get("/patients", { q: text, limit: 12 }, { signal }),
  ]);
  return [...slips.items, ...found.items];
}

function shown(item) {
  const slip = "slip_no" in item;
  return [
    h("span", {}, h("strong", {}, item.patient_name ?? item.name), " ", sexOf(item), " ", ageOf(item)),
    h("small", {}, slip ? `${item.slip_no} ${item.department_name}` : `${item.patient_no} ${item.phone ?? ""}`),
    allergyOf(item),
  ];
}

const choose = once(async (item) => {
  hush();
  find.clear();
  if ("slip_no" in item) {
    await openVisit(item.id);
    return;
  }
  const visits = (await get("/registrations", { patient_id: item.id })).items.filter((one) => !one.cancelled);
  if (visits.length === 0) {
    wrong(by("find"), t("doctor.not_registered", { name: item.name }));
    goTo(by("find"));
  } else if (visits.length === 1) await openVisit(visits[0].id);
  else await oneOf(item, visits);
});

async function oneOf(person, visits) {
  const answer = await question({
    title: t("doctor.which_visit", { name: person.name }),
    fields: [{
      name: "visit", label: t("doctor.visit"),
      options: visits.reverse().map((one) => ({
        value: one.id,
        label: `${dayAndTime(one.registered_at)} ${one.department_name} ${one.staff_name ?? ""} ${t(`doctor.status_${one.status}`)}`,
      })),
    }],
  });
  if (answer) await openVisit(answer.visit);
}

const find = searching(by("find"), {
  load: people, show: shown, choose,
  empty: (text) => wrong(by("find"), t("doctor.nobody_found", { text })),
});

const quietly = () => readQueue().catch(() => {}); // a silent standby is told in the frame
const queue = onQueue(spaced(quietly));

// --- beginning ----------------------------------------------------------------------------------------------------
function keep() {
  localStorage.setItem(PLACE, JSON.stringify(chosen));
  queue.before(chosen.department);
  readQueue().catch(failed);
}

function fillDepartments() {
  const clinics = page.data.departments.filter((one) => CLINICS.has(one.kind));
  put(by("department"), h("option", { value: "" }, t("doctor.all_departments")),
    clinics.map((one) => h("option", { value: one.department_code, selected: one.department_code === chosen.department }, one.name)));
  chosen.department = by("department").value;
  by("mine").checked = chosen.mine;
}

export function beginQueue() {
  fillDepartments();
  by("department").addEventListener("change", (event) => { chosen.department = event.target.value; keep(); });
  by("mine").addEventListener("change", (event) => { chosen.mine = event.target.checked; keep(); });
  by("next").addEventListener("click", callNext);
  by("find").addEventListener("input", hush);
  by("find").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && event.target.value === "") {
      event.preventDefault();
      rows.focus();
    }
  });
  by("queue").addEventListener("keydown", (event) => { if (event.key === "Escape") goTo(by("find")); });
  onVisit(() => rows.show(rows.items));
  queue.before(chosen.department);
  onMode(unlikeBefore(quietly));
  quietly();
  renewed(quietly, queue.told, EVERY);
}

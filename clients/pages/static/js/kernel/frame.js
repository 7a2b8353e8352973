// The frame around every window: the band of the mode, the clock, the silence of the standby, the lock.

import { get, onNeed, onSilence } from "./api.js";
import { wallClock } from "./clock.js";
import { putAway } from "./dialog.js";
import "./digits.js";
import { by, h, put } from "./dom.js";
import { acknowledged, note } from "./in_hand.js";
import "./keys.js";
import { page, t } from "./page.js";
import { follow } from "./stream.js";

const LOOK_EVERY = 3000; // the mode, where no front door pushes it
const LOOK_WHEN_CUT = () => 10000 + Math.random() * 5000; // where its stream is cut: not all windows at once
const ACKNOWLEDGE_WITHIN = 800; // all windows hear of a switch in the same moment; charges go on meanwhile
const LIVE_EVERY = 15000; // "this window lives and knows epoch n"

const asOf = () => clockTime(page.mode.mirror.as_of) || "—";
const BESIDE = {
  registrar: () => t("frame.beside_registrar"),
  cashier: () => t("frame.beside_cashier"),
  doctor: () => t("frame.beside_doctor", { time: asOf() }),
  pharmacist: () => t("frame.beside_pharmacist"),
  triage: () => t("frame.beside_triage", { time: asOf() }),
};

const changes = [];
const moves = [];
let stream = null;
let silentSince = null;

/** Be told of every look at the mode; called at once with what is known. */
export function onMode(listener) {
  changes.push(listener);
  listener(page.mode);
}

/**
 * Be told when the queue before a door has moved, or the list of a pharmacy (`kind`): `before(code)` says which one, all
 * of them without a code; `told()` whether one would be told.
 */
export function onQueue(listener, kind = "hall") {
  moves.push(listener);
  return {
    before: (code) => stream?.before(`${kind}=${encodeURIComponent(code || "*")}`),
    told: () => silentSince === null && Boolean(stream?.there()),
  };
}

/** Whether documents can be made here now. */
export function working() {
  return page.mode.mode === "emergency";
}

/** Whether a department works in YJ mode where the outage is not the whole hospital's. */
export function inScope(code) {
  return page.mode.scope === null || page.mode.scope.includes(code);
}

// --- the band -----------------------------------------------------------------------------------------------------
function clockTime(text) {
  return text ? text.slice(11, 16) : "";
}

function age(seconds) {
  if (seconds === null || seconds === undefined) return t("frame.age_never");
  return seconds < 7200 ? t("frame.age_minutes", { n: Math.floor(seconds / 60) }) : t("frame.age_hours", { n: Math.floor(seconds / 3600) });
}

function showBand() {
  const { mode } = page;
  const drill = mode.drill && mode.mode !== "normal";
  document.body.dataset.mode = mode.mode;
  document.body.toggleAttribute("data-drill", drill);
  const part = (name, text) => { document.querySelector(`[data-band=${name}]`).textContent = text; };
  const away = mode.mode !== "normal";
  part("mode", drill ? t("frame.band_drill") : t(`frame.band_${mode.mode}`));
  part("since", away ? t("frame.band_since", { time: `${mode.since.slice(5, 10)} ${clockTime(mode.since)}`, no: mode.incident_no }) : "");
  part("scope", away ? (mode.scope ? t("frame.band_scope", { n: mode.scope_names.join(t("frame.comma")) }) : t("frame.band_whole")) : "");
  part("age", t("frame.band_age", { time: mode.mirror.as_of ? clockTime(mode.mirror.as_of) : "—", age: age(mode.mirror.age_seconds) }));
  part("waiting", mode.documents_waiting || away ? t("frame.band_waiting", { n: mode.documents_waiting }) : "");
  part("insurance", mode.insurance_down ? t("frame.band_insurance") : "");
  by("band").toggleAttribute("data-stale", mode.mirror.stale);
  part("notice", mode.notice ?? "");
  showBeside(away && !drill && mode.scope !== null);
}

// What the HIS does at the same time where only some departments are in YJ, as it concerns this window.
function showBeside(part) {
  const place = by("beside-his");
  const words = part ? BESIDE[page.data.role]?.() : null;
  place.hidden = !words;
  place.textContent = words ?? "";
}

let looking = null;
let lookedAt = 0;

function take(mode) {
  page.mode = mode;
  page.epoch = mode.epoch;
  showBand();
  for (const listener of changes) listener(mode);
}

/** Look at the mode now. */
function look() {
  looking ??= get("/mode").then((mode) => {
    lookedAt = Date.now();
    take(mode);
  }).catch(() => {}).finally(() => { looking = null; });
  return looking;
}

function followMode() {
  if (!page.stream) {
    setInterval(() => { if (!document.hidden || silentSince) look(); }, LOOK_EVERY);
    return;
  }
  stream = follow({
    told(mode) {
      heard();
      // An older one is late: of a door a moment behind what this page has just asked for itself, or of a page that
      // stood still. Only a standby that was restored is really back there, and says so when it is asked.
      if (mode.epoch >= page.epoch) take(mode);
      else if (Date.now() - lookedAt > LOOK_EVERY) look();
    },
    away: () => silent(null),
    cut: look,
    waiting: () => silentSince !== null,
    moved: () => { for (const listener of moves) listener(); },
  });
  const lookAgain = () => setTimeout(() => { if (!stream.there() || silentSince) look(); lookAgain(); }, LOOK_WHEN_CUT());
  lookAgain();
}

// --- silence ------------------------------------------------------------------------------------------------------
function silent(problem) {
  silentSince ??= wallClock();
  const place = by("silent");
  place.hidden = false;
  put(place, h("strong", {}, t("frame.silent", { time: silentSince })), " ", t("frame.silent_kept"), problem ? ` ${problem.message}` : "");
}

function heard() {
  if (silentSince === null) return;
  silentSince = null;
  by("silent").hidden = true;
}

onSilence(silent, heard);

// --- the lock -----------------------------------------------------------------------------------------------------
let unlocking = null;

async function logIn(password) {
  const body = new URLSearchParams({ operator: page.operator.code, password, workstation: page.workstation, take_over: "true" });
  const response = await fetch("/login", {
    method: "POST", body, credentials: "same-origin",
    headers: { Accept: "application/json", "Accept-Language": page.lang === "en" ? "en" : "zh-CN" },
  });
  const answer = await response.json();
  if (!response.ok) return answer.detail;
  page.csrf = answer.csrf;
  return null;
}

/** Ask the same person for the password again; everything on the page stays. Resolves when it was right. */
export function lockPage() {
  unlocking ??= new Promise((resolve) => {
    const before = document.activeElement;
    const wrong = h("p.note.bad", { role: "alert", hidden: true });
    const password = h("input", { type: "password", id: "unlock-password", autocomplete: "current-password", required: true, maxlength: 256 });
    const form = h("form.stack", {}, wrong, h("label", { for: "unlock-password" }, t("frame.password")), password,
      h("button.main", {}, t("frame.unlock")), h("a", { href: "/login" }, t("frame.someone_else")));
    const dialog = h("dialog.lock", { "aria-label": t("frame.locked") }, h("h2", {}, t("frame.locked")), h("p", {}, `${page.operator.name} ${page.operator.code}`), form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      let refused;
      try {
        refused = await logIn(password.value);
      } catch {
        refused = t("frame.no_answer");
      }
      password.value = "";
      if (refused) {
        wrong.textContent = refused;
        wrong.hidden = false;
        password.focus();
        return;
      }
      delete document.body.dataset.locked;
      putAway(dialog, before);
      unlocking = null;
      touched();
      resolve();
    });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.dataset.locked = "";
    document.body.append(dialog);
    dialog.showModal();
    password.focus();
  });
  return unlocking;
}

// A locked page has no session: whoever reloads it meets the log-in.
async function lockNow() {
  if (!page.operator || unlocking) return;
  const done = lockPage();
  fetch(`${page.api}/session/end`, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "YJ-CSRF": page.csrf }, body: "{}" }).catch(() => {});
  await done;
}

let idle = 0;
function touched() {
  clearTimeout(idle);
  if (page.idle_minutes && page.operator) idle = setTimeout(lockNow, page.idle_minutes * 60000);
}

// --- beginning ----------------------------------------------------------------------------------------------------
let told = null; // the epoch that the standby was last told

async function live() {
  if (!page.operator || silentSince) return;
  // No word of the centre: a page hears only the standby. A locked one still says that it stands here and knows the mode.
  const locked = unlocking !== null;
  const asked = page.csrf;
  told = acknowledged();
  const body = { workstation: page.workstation, role: page.data.role ?? null, epoch: told, clock: new Date().toISOString(), version: page.version, locked };
  const response = await fetch(`${page.api}/workstations/heartbeat`, {
    method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "YJ-CSRF": page.csrf }, body: JSON.stringify(body),
  }).catch(() => null);
  // A stream that somebody on the way holds back looks like one on which nothing happens: every answer says the epoch.
  if (Number(response?.headers.get("YJ-Epoch")) > page.epoch) look();
  if (response?.status === 401 && !locked && asked === page.csrf) lockPage(); // logged in elsewhere, or the day is over: better said now than at the next act
}

function tick() {
  by("clock").textContent = wallClock();
}

onNeed({ login: lockPage, epoch: look });
by("lock").addEventListener("click", lockNow);
for (const event of ["keydown", "pointerdown"]) document.addEventListener(event, touched, { passive: true });
document.querySelector("[data-language]").addEventListener("click", (event) => {
  const address = new URL(location.href);
  address.searchParams.set("lang", page.lang === "zh" ? "en" : "zh");
  event.currentTarget.href = address.toString();
});
showBand();
tick();
touched();
setInterval(tick, 1000);
followMode();
setInterval(live, LIVE_EVERY);
live();
function acknowledge() {
  note();
  if (acknowledged() !== told) live();
}

if (page.stream) {
  onMode(() => setTimeout(acknowledge, Math.random() * ACKNOWLEDGE_WITHIN));
  setInterval(acknowledge, LOOK_EVERY); // a form that was in hand is finished
} else {
  onMode(acknowledge);
}
// Only when the window's own scripts have run too: what is typed before that would be heard by nobody.
document.addEventListener("DOMContentLoaded", () => { document.body.dataset.ready = ""; });

// The paid prescriptions of this pharmacy, alive: new ones appear by themselves, a scan finds any of them.

import { get } from "../kernel/api.js";
import { by, h, put } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { onMode, onQueue } from "../kernel/frame.js";
import { goTo } from "../kernel/keys.js";
import { page, t } from "../kernel/page.js";
import { ageOf, sexOf } from "../kernel/person.js";
import { renewed, spaced, unlikeBefore } from "../kernel/renewed.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, wrong } from "../kernel/say.js";

const EVERY = 4000; // where nobody tells
const MOST = { paid: 200, out: 500, refunded: 100, all: 200 };
const SELDOM = 15000; // what is done changes slowly
const PLACE = "yj:pharmacy"; // of this browser: the counter does not move with the person
const TONE = { paid: "warn", handed_over: "good", refunded: "bad" };

const view = new Draft("pharmacy", () => ({ state: null, order: "newest", q: "", chosen: null }));
const listeners = [];

/** Be told which prescription is chosen, and again whenever it was read anew. */
export function onChosen(listener) {
  listeners.push(listener);
}

export const stateTag = (state) => h(`span.tag.${TONE[state]}`, {}, t(`pharmacy.state_${state}`));

const rows = new Rows(by("rows"), {
  none: "pharmacy.none",
  moved: choose,
  take: () => by("hand").focus(),
  cells: (one) => [
    h("td.when", {}, one.paid_at.slice(11, 16), h("small", {}, one.paid_at.slice(5, 10))),
    h("td", {}, h("strong.red", {}, one.patient.name), " ", h("small", {}, `${sexOf(one.patient)} ${ageOf(one.patient)}`, one.patient.allergy ? h("span.tag.bad", {}, t("pharmacy.allergic")) : null)),
    h("td", {}, one.rx_no, h("small", {}, one.receipt_no ? t("pharmacy.receipt", { no: one.receipt_no }) : one.paid_here ? "" : t("pharmacy.paid_at_centre"))),
    h("td", {}, stateTag(one.state), h("small", {}, one.copies ? t("pharmacy.printed", { n: one.copies }) : t("pharmacy.not_printed"))),
  ],
});

/** The chosen prescription, or null. */
export const chosen = () => rows.chosen;

function choose(one) {
  view.state.chosen = one?.id ?? null;
  view.save();
  for (const listener of listeners) listener(one);
}

let reading = 0;
let shown = "";

/** Read the list now. Where nobody asked (`quiet`) it is drawn only if it is another: what lies under the mouse stays. */
export async function readList({ quiet = false } = {}) {
  reading += 1;
  const mine = reading;
  const { q, state, order } = view.state;
  const query = { state: q ? "all" : state, order, limit: MOST[q ? "all" : state], q, pharmacy_code: by("pharmacy").value };
  let found = (await get("/pharmacy/prescriptions", query)).items;
  const elsewhere = q && found.length === 0 && query.pharmacy_code;
  if (elsewhere) found = (await get("/pharmacy/prescriptions", { ...query, pharmacy_code: null })).items;
  if (mine !== reading) return found;
  const text = JSON.stringify([found, query]);
  if (quiet && text === shown) return found;
  shown = text;
  rows.show(found, { choose: view.state.chosen });
  put(by("count"), q ? t("pharmacy.found_for", { text: q, n: found.length }) : t("pharmacy.count", { n: found.length }),
    found.length === query.limit ? ` ${t("pharmacy.more")}` : null, elsewhere && found.length ? ` ${t("pharmacy.elsewhere")}` : null);
  choose(rows.chosen);
  return found;
}

/** The keyboard on the list. */
export function toList() {
  if (!rows.focus()) goTo(by("find"));
}

const quietly = () => { readList({ quiet: true }).catch(() => {}); };

let looked = 0;
function now() {
  if (view.state.state !== "paid" && Date.now() - looked < SELDOM) return;
  looked = Date.now();
  quietly();
}

const list = onQueue(spaced(now), "pharmacy");

// --- what is looked at --------------------------------------------------------------------------------------------
async function search() {
  hush();
  view.state.q = by("find").value.trim();
  view.state.chosen = null;
  view.save();
  try {
    const found = await readList();
    if (!view.state.q) return;
    if (found.length === 0) {
      wrong(by("find"), t("pharmacy.not_found", { text: view.state.q }));
      goTo(by("find"));
    } else toList();
  } catch (error) {
    failed(error);
  }
}

function look(name, value) {
  view.state[name] = value;
  view.state.chosen = null;
  view.save();
  readList().catch(() => {});
}

/** Nothing typed any more: the list of this pharmacy again. */
function forget() {
  by("find").value = "";
  if (view.state.q) look("q", "");
}

function fillPharmacies() {
  const kept = localStorage.getItem(PLACE) ?? page.station?.pharmacy_code ?? page.data.own_pharmacy ?? "";
  put(by("pharmacy"), h("option", { value: "" }, t("pharmacy.all_pharmacies")),
    page.data.pharmacies.map((one) => h("option", { value: one.code, selected: one.code === kept }, one.name)));
}

/** In normal mode the pharmacist has one thing left to do here: what was handed over must be dispensed in the HIS. */
const firstState = () => (page.mode.mode === "emergency" ? "paid" : "out");

export function beginList() {
  fillPharmacies();
  view.state.state ??= firstState();
  by("state").value = view.state.state;
  by("order").value = view.state.order;
  by("find").value = view.state.q;
  by("pharmacy").addEventListener("change", () => {
    localStorage.setItem(PLACE, by("pharmacy").value);
    list.before(by("pharmacy").value);
    quietly();
  });
  by("state").addEventListener("change", () => { by("find").value = ""; view.state.q = ""; look("state", by("state").value); });
  by("order").addEventListener("change", () => look("order", by("order").value));
  by("find").addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.repeat) search();
    else if (event.key === "ArrowDown") toList();
    else if (event.key === "Escape") { hush(); forget(); }
    else return;
    event.preventDefault();
  });
  by("rows").addEventListener("keydown", (event) => { if (event.key === "Escape") { forget(); goTo(by("find")); } });
  let mode = page.mode.mode;
  onMode((now) => {
    if (now.mode === mode) return;
    mode = now.mode;
    look("state", firstState());
    by("state").value = view.state.state;
  });
  list.before(by("pharmacy").value);
  onMode(unlikeBefore(quietly));
  quietly();
  renewed(now, list.told, EVERY);
}

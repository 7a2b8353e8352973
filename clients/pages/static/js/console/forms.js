// The forms of the console: the switch, its scope, the way back, a receipt book. A half-filled one survives a reload.

import { act, get, Problem } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { Draft } from "../kernel/draft.js";
import { by, h } from "../kernel/dom.js";
import { goTo, walk } from "../kernel/keys.js";
import { t, worded } from "../kernel/page.js";
import { failed, hush, once, said, warned, wrong as mark } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { approver, asked, jobOver, SECOND_OR_ALONE } from "./acts.js";
import { refreshAfter } from "./live.js";

function value(form, name) {
  return form.elements[name]?.value?.trim() ?? "";
}

/** The departments ticked, null for the whole hospital, undefined (said so) when none is ticked. */
function scopeOf(form) {
  if (value(form, "scope") === "whole") return null;
  const ticked = Array.from(form.querySelectorAll("[data-department]:checked"), (box) => box.value);
  if (ticked.length) return ticked;
  wrong(form.querySelector("[data-sieve]"), t("console.choose_departments"));
  return undefined;
}

/** The same by their names. */
function namesOf(form) {
  return Array.from(form.querySelectorAll("[data-department]:checked"), (box) => box.dataset.department);
}

/** What the chosen departments lack, in words; nothing for the whole hospital, and nothing where it cannot be asked. */
async function lacking(departments) {
  if (departments === null) return [];
  const found = await get(`/mode/coverage?departments=${encodeURIComponent(departments.join(","))}`).catch(() => null);
  return (found?.warnings ?? []).map((one) => h("p.note.warn", {}, worded(one)));
}

/** How the standby sees the centre now, as the page shows it. */
function centre() {
  return document.querySelector("[data-centre]")?.dataset.centre ?? "unknown";
}

function wrong(field, words) {
  hush();
  mark(field, words);
  goTo(field);
}

/** The first required field that is empty is said; false then. */
function filled(form) {
  for (const field of form.querySelectorAll("[required]")) {
    if (!field.value.trim()) {
      wrong(field, t("frame.fill_this", { field: field.labels[0].firstChild.textContent.trim() }));
      return false;
    }
  }
  return true;
}

function scopePicker(form) {
  const box = form.querySelector("#departments");
  const sieve = form.querySelector("[data-sieve]");
  const show = () => { box.hidden = value(form, "scope") === "whole"; };
  form.addEventListener("change", (event) => { if (event.target.name === "scope") show(); });
  sieve.addEventListener("input", () => {
    const wanted = sieve.value.trim().toLowerCase();
    for (const label of box.querySelectorAll("label.tick")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  });
  sieve.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !sieve.value.trim()) return;
    const first = Array.from(box.querySelectorAll("label.tick")).find((label) => !label.hidden);
    if (!first) return;
    event.preventDefault(); // Enter takes what is found, and the sieve is ready for the next one
    const tick = first.querySelector("input");
    tick.checked = !tick.checked;
    tick.dispatchEvent(new Event("change", { bubbles: true }));
    goTo(sieve);
  });
  show();
}

/** The mirror at work, with a way past it and a way back: resolves to the job when it is over, or to what was pressed. */
function watched(job, form) {
  return new Promise((resolve) => {
    const begun = Date.now();
    const words = h("p", { role: "status" }, t("console.said_mirror_first"));
    const finish = (what) => { panel.remove(); resolve(what); };
    const back = h("button", { type: "button", onclick: () => finish("back") }, t("frame.cancel"));
    const now = h("button.danger", { type: "button", id: "switch-now", onclick: () => finish("now") }, t("console.switch_now"));
    const panel = h("div.note.stack", { id: "mirror-going" }, words, h("div.buttons", {}, back, now));
    form.append(panel);
    back.focus(); // an Enter too many leaves everything as it is
    const tell = (found) => {
      const state = t(found.state === "queued" ? "console.mirror_first_waits" : "console.mirror_first_reads");
      words.textContent = t("console.mirror_first_going", { state, seconds: Math.round((Date.now() - begun) / 1000) });
    };
    jobOver(job, tell).then(finish, (error) => finish({ state: "failed", error: error.message }));
  });
}

async function mirrorFirst(form) {
  said(t("console.said_mirror_first"));
  const over = await watched(await act("/mirror/runs", {}, ulid()), form);
  if (over === "now" || over === "back") return over === "now";
  const state = over.result?.state;
  if (over.state === "done" && state === "published") return true;
  const go = await question({
    title: t("console.mirror_first_failed"), body: h("p", {}, over.error ?? t("console.mirror_first_state", { state: state ?? over.state })),
    buttons: [{ value: "go", label: t("console.switch_anyhow") }, { value: null, label: t("frame.cancel"), main: true }],
  });
  return go?.button === "go";
}

function switchOn(form) {
  const draft = new Draft("console:switch_on");
  draft.bind(form);
  const show = () => {
    const planned = value(form, "planned") === "yes";
    by("first-mirror").hidden = !planned;
    // A planned stop is maintenance, and a sudden one is not: the two are never chosen together.
    const { cause } = form.elements;
    for (const option of cause.options) option.disabled = option.value !== "" && (option.value === "maintenance") !== planned;
    if (planned) cause.value = "maintenance";
    else if (cause.value === "maintenance") cause.value = "";
  };
  form.addEventListener("change", show);
  scopePicker(form);
  show();
  const go = once(async () => {
    if (!filled(form)) return;
    const departments = scopeOf(form);
    if (departments === undefined) return;
    const drill = form.elements.drill.checked;
    const names = departments === null ? t("frame.band_whole") : namesOf(form).join(t("frame.comma"));
    const sudden = !drill && value(form, "planned") === "no";
    const lacks = await lacking(departments);
    const sure = await question({
      title: t("console.switch_on_sure"),
      body: h("div.sure", {}, h("p.total", {}, names), h("p", {}, drill ? t("console.as_drill") : t("console.as_real")),
        sudden && centre() === "fine" ? h("p.note.warn", {}, t("console.centre_is_fine")) : null,
        departments === null ? null : h("p", {}, t("console.beside_means")), lacks,
        h("p", {}, `${form.elements.cause.selectedOptions[0].textContent}${t("frame.colon")}${value(form, "reason")}`)),
      buttons: [{ value: "yes", label: t("console.switch_on"), main: true }, { value: null, label: t("frame.cancel") }],
    });
    if (!sure) return;
    if (value(form, "planned") === "yes" && form.elements.mirror_first.checked && !(await mirrorFirst(form))) return;
    const body = { cause: value(form, "cause"), reason: value(form, "reason"), drill };
    if (departments !== null) body.departments = departments;
    try {
      const mode = await act("/mode/emergency", body, draft.key);
      draft.renew();
      said(t("console.said_on", { no: mode.incident_no }));
      refreshAfter();
    } catch (error) {
      failed(error, form);
      if (error instanceof Problem && error.code === "wrong_state") refreshAfter();
    }
  });
  walk(form, { done: go });
}

function changeScope(form) {
  scopePicker(form);
  const go = once(async () => {
    const departments = scopeOf(form);
    if (departments === undefined || !filled(form)) return;
    if (departments !== null && !(await question({
      title: t("console.change_scope"),
      body: h("div.sure", {}, h("p.total", {}, namesOf(form).join(t("frame.comma"))), h("p", {}, t("console.beside_means")), await lacking(departments)),
      buttons: [{ value: "yes", label: t("console.change_scope"), main: true }, { value: null, label: t("frame.cancel") }],
    }))) return;
    try {
      const done = await act("/mode/scope", { departments, reason: value(form, "reason") }, ulid());
      form.elements.reason.value = "";
      said(t("console.said_scope"));
      if (departments === null) (done.warnings ?? []).forEach((one) => warned(worded(one)));
      refreshAfter();
    } catch (error) {
      failed(error, form);
    }
  });
  walk(form, { done: go });
}

function switchOff(form) {
  const go = once(async () => {
    const upload = value(form, "upload") === "yes";
    const then = h("p", {}, upload ? t("console.then_upload") : t("console.then_no_upload"));
    const early = centre() === "fine" ? null : h("p.note.warn", {}, t("console.centre_is_not_fine"));
    const done = await asked({
      title: t("console.switch_off_sure"), body: h("div", {}, then, early),
      word: t("console.switch_off"), fields: SECOND_OR_ALONE,
      send: (given, key) => act("/mode/normal", { upload, approver: approver(given) }, key),
    });
    if (done) said(t("console.said_off"));
    refreshAfter();
  });
  walk(form, { done: go });
}

function handOut(form) {
  const draft = new Draft("console:book");
  draft.bind(form);
  const number = (name) => {
    const text = value(form, name);
    return /^\d{1,12}$/.test(text) ? Number(text) : null;
  };
  const go = once(async () => {
    if (!filled(form)) return;
    for (const name of ["start_no", "end_no"]) {
      if (number(name) === null) {
        wrong(form.elements[name], t("console.digits_only"));
        return;
      }
    }
    const body = { operator: value(form, "operator"), prefix: value(form, "prefix"), start_no: number("start_no"), end_no: number("end_no") };
    try {
      await act("/receipt-books", body, draft.key);
      draft.renew();
      form.reset();
      said(t("console.said_book"));
      refreshAfter();
      goTo(form.elements.operator);
    } catch (error) {
      failed(error, form);
    }
  });
  walk(form, { done: go });
}

// Where the first keystroke belongs.
const FIRST = { "switch-on": "#cause", "change-scope": "[name=scope]", "switch-off": "[name=upload]", "hand-out": "#operator" };
const FORMS = { "switch-on": switchOn, "change-scope": changeScope, "switch-off": switchOff, "hand-out": handOut };

/** Give life to the forms that stand on the page and have none yet. */
export function formsReady() {
  for (const [id, prepare] of Object.entries(FORMS)) {
    const form = document.getElementById(id);
    if (form && !("ready" in form.dataset)) {
      form.dataset.ready = "";
      prepare(form);
      if (document.activeElement === document.body) goTo(form.querySelector(FIRST[id]));
    }
  }
}

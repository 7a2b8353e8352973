// The computers at the windows: codes for agents, the table by file or line by line, printers and their test pages.

import { act as send, get, Problem } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { by, h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { failed, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { ACTS, asked } from "./acts.js";
import { refreshAfter } from "./live.js";

const LOOK_EVERY = 400;
const NEAR = new Set(["127.0.0.1", "[::1]", "localhost"]);
const act = (where, body, key = null) => send(where, body, key, { anyMode: true });
const choices = JSON.parse(by("station-choices").textContent);
const list = (pairs, none = null) => [...(none === null ? [] : [{ value: "", label: none }]), ...pairs.map(([value, label]) => ({ value, label: `${label} ${value}` }))];

// --- agents -------------------------------------------------------------------------------------------------------
/** A command whose words stay whole at the end of a line: `--` alone there would be typed so. */
const unbroken = (text) => text.split(/([ \n])/).map((word) => (word.trim() ? h("span", {}, word) : word));

ACTS.station_code = async ({ station }) => {
  const fields = station ? [] : [{ name: "workstation", label: t("stations.station"), required: true, maxlength: 32 }];
  const given = await asked({
    title: station ? t("stations.code_for", { station }) : t("stations.code"), body: t("stations.code_means"), word: t("stations.code"),
    fields, send: (answer) => act("/workstations/code", { workstation: station ?? answer.workstation }),
  });
  if (!given?.code) return;
  // Asked at the standby's own screen the address here is one that no other computer can use.
  const server = (NEAR.has(location.hostname) && given.server) || location.origin;
  const lines = (what) => given.commands.map((known) => h("div", {}, h("strong", {}, known.system),
    h("pre.enrolment-line", {}, unbroken(`${known[what].join("\n")} --server ${server} --code ${given.code}`))));
  await question({
    title: t("stations.code_for", { station: given.workstation }),
    body: h("div.stack", {}, h("p.enrolment", {}, given.code), h("p", {}, t("stations.code_there", { time: given.expires_at.slice(5, 16).replace("T", " ") })),
      lines("enrol"), h("p", {}, t("stations.code_new_pc")), lines("install")),
    buttons: [{ value: null, label: t("stations.noted"), main: true }],
  });
};

ACTS.station_revoke = async ({ station }) => {
  const done = await asked({
    title: t("stations.revoke_for", { station }), body: t("stations.revoke_means"), word: t("stations.revoke"),
    send: () => act("/workstations/revoke", { workstation: station }),
  });
  if (done) said(t("stations.said_revoked", { station }));
};

// --- the table ----------------------------------------------------------------------------------------------------
async function entryOf(station) {
  const { items } = await get("/workstations/table");
  return items.find((one) => one.workstation === station) ?? { workstation: station, window: "", role: null, department_code: null, pharmacy_code: null, printers: [] };
}

ACTS.station_edit = async ({ station }) => {
  const entry = await entryOf(station ?? "");
  const roles = choices.roles.map((role) => [role, t(`stations.role_${role}`)]);
  const done = await asked({
    title: station ? t("stations.change_station", { station }) : t("stations.add"), word: t("stations.keep"),
    fields: [
      ...(station ? [] : [{ name: "workstation", label: t("stations.station"), required: true, maxlength: 32 }]),
      { name: "window", label: t("stations.window"), value: entry.window, maxlength: 64 },
      { name: "role", label: t("stations.role"), value: entry.role ?? "", options: list(roles, "—") },
      { name: "department_code", label: t("stations.department"), value: entry.department_code ?? "", options: list(choices.departments, "—") },
      { name: "pharmacy_code", label: t("stations.pharmacy"), value: entry.pharmacy_code ?? "", options: list(choices.pharmacies, "—") },
    ],
    send: async (answer) => {
      const code = station ?? answer.workstation;
      const { printers } = station ? entry : await entryOf(code);
      const body = { workstation: code, window: answer.window, printers };
      for (const name of ["role", "department_code", "pharmacy_code"]) body[name] = answer[name] || null;
      return act("/workstations/table/entry", body);
    },
  });
  if (done) said(t("stations.said_kept", { station: done.workstation }));
};

ACTS.station_remove = async ({ station }) => {
  const done = await asked({
    title: t("stations.remove_station", { station }), body: t("stations.remove_means"), word: t("stations.remove"),
    send: () => act("/workstations/table/remove", { workstation: station }),
  });
  if (done) said(t("stations.said_removed", { station }));
};

ACTS.printer_edit = async ({ station, kind }) => {
  const entry = await entryOf(station);
  const now = entry.printers.find((one) => one.kind === kind) ?? { kind: "*", printer: "", tray: "", offset_x_mm: 0, offset_y_mm: 0, copies: 1 };
  const others = entry.printers.filter((one) => one.kind !== kind);
  const keep = (printers) => act("/workstations/table/entry", { ...entry, printers });
  let gone = false;
  const answer = await question({
    title: t("stations.printer_of", { station }),
    fields: [
      { name: "kind", label: t("stations.kind"), value: now.kind, options: list(choices.kinds.filter(([one]) => !others.some((other) => other.kind === one))), required: true },
      { name: "printer", label: t("stations.printer"), value: now.printer, maxlength: 128, hint: t("stations.printer_hint") },
      { name: "tray", label: t("stations.tray"), value: now.tray, maxlength: 64 },
      { name: "offset_x_mm", label: t("stations.offset_x"), value: String(now.offset_x_mm), inputmode: "decimal", maxlength: 6 },
      { name: "offset_y_mm", label: t("stations.offset_y"), value: String(now.offset_y_mm), inputmode: "decimal", maxlength: 6 },
      { name: "copies", label: t("stations.copies_label"), value: String(now.copies), inputmode: "numeric", maxlength: 1 },
    ],
    buttons: [
      { value: "keep", label: t("stations.keep"), main: true },
      ...(kind ? [{ value: "gone", label: t("stations.remove") }] : []),
      { value: null, label: t("frame.cancel") },
    ],
    check: async (given) => {
      const figures = ["offset_x_mm", "offset_y_mm", "copies"].map((name) => Number(given[name] || (name === "copies" ? 1 : 0)));
      if (figures.some(Number.isNaN)) return t("stations.figures_only");
      gone = given.button === "gone";
      const printer = { kind: given.kind, printer: given.printer, tray: given.tray, offset_x_mm: figures[0], offset_y_mm: figures[1], copies: figures[2] };
      try {
        await keep(gone ? others : [...others, printer]);
        return null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return `${error.message} (${error.code})`;
      }
    },
  });
  if (answer) said(t(gone ? "stations.said_printer_gone" : "stations.said_kept", { station }));
};

// --- a file -------------------------------------------------------------------------------------------------------
ACTS.station_import = () => by("station-file").click();

/** What a spreadsheet here writes is UTF-8 or GBK. */
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}

const faults = (found) => h("div.scroll", { tabindex: "0", role: "region", "aria-label": t("stations.faults") },
  h("table.dense", {}, h("thead", {}, h("tr", {}, [t("stations.line"), t("stations.fault")].map((word) => h("th", {}, word)))),
    h("tbody", {}, found.map((one) => h("tr", {}, h("td.num", {}, String(one.line)), h("td", {}, document.documentElement.lang === "en" ? one.en : one.zh))))));

async function takeIn(table) {
  const seen = await act("/workstations/table", { table, dry_run: true });
  if (seen.faults.length) {
    await question({ title: t("stations.faults"), body: h("div.stack", {}, h("p", {}, t("stations.faults_mean")), faults(seen.faults)), buttons: [{ value: null, label: t("stations.noted"), main: true }] });
    return;
  }
  const lines = ["added", "changed", "removed"].filter((name) => seen[name].length).map((name) => h("p", {}, h("strong", {}, t(`stations.what_${name}`, { n: seen[name].length })), ` ${seen[name].join(" ")}`));
  // More than half of the table: rather the wrong file than a decision. Enter goes back, and the other button says what it does.
  const gone = { n: seen.removed.length };
  if (seen.shrinks) {
    const answer = await question({
      title: t("stations.shrinks", gone), body: h("div.stack", {}, h("p.note.bad", {}, t("stations.shrinks_mean")), lines),
      buttons: [{ value: null, label: t("frame.cancel"), main: true }, { value: "yes", label: t("stations.shrinks_yes", gone), key: "F9" }],
    });
    if (answer?.button !== "yes") return;
  }
  const done = await asked({
    title: t("stations.import"), body: h("div.stack", {}, lines.length ? lines : h("p", {}, t("stations.nothing_new")), h("p", {}, t("stations.same", { n: seen.same }))),
    word: t("stations.import"), send: () => act("/workstations/table", { table, sure: seen.shrinks }),
  });
  if (done) said(t("stations.said_imported"));
  refreshAfter();
}

document.addEventListener("change", async (event) => {
  if (event.target.id !== "station-file" || !event.target.files.length) return;
  const bytes = await event.target.files[0].arrayBuffer();
  event.target.value = "";
  takeIn(decoded(bytes)).catch(failed);
});

// --- test pages ---------------------------------------------------------------------------------------------------
async function atPrinter(station, kind) {
  let job = await act("/workstations/test-page", { workstation: station, kind }, ulid());
  const until = Date.now() + 60000;
  while ((job.state === "waiting" || job.state === "taken") && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    job = await get(`/prints/silent/${job.id}`);
  }
  return job;
}

ACTS.printer_test = async ({ station, kind, printer }) => {
  let words;
  let id = null; // of the page that the agent printed: it speaks for the printer of that moment
  said(t("stations.testing", { station }));
  try {
    const job = await atPrinter(station, kind);
    id = job.id;
    if (job.state === "failed") {
      failed(new Problem(409, { code: "print_failed", detail: t("stations.test_failed", { station, detail: job.detail ?? "" }) }));
      return;
    }
    words = t(job.state === "done" ? "stations.test_sent" : "stations.test_silent", { printer: printer || t("stations.default_printer") });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "no_silent_print") throw error;
    words = t("stations.test_by_hand");
  }
  const answer = await question({
    title: t("stations.came_out", { station }), body: h("p", {}, words),
    buttons: [{ value: "yes", label: t("stations.yes"), main: true }, { value: "no", label: t("stations.no") }, { value: null, label: t("stations.not_seen") }],
  });
  if (answer) await act("/workstations/tested", { workstation: station, kind, id, ok: answer.button === "yes" });
};

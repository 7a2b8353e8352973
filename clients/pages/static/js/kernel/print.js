// Printing: the paper's own page in a hidden frame, or the agent of this workstation where the browser does not reach the
// printer. Nothing is printed before the standby has answered, and nothing twice without somebody asking for it.

import { act, get, Problem } from "./api.js";
import { question } from "./dialog.js";
import { h } from "./dom.js";
import { page, t } from "./page.js";
import { failed, said, warned } from "./say.js";
import { ulid } from "./ulid.js";

const LOOK_EVERY = 250;
const TAKEN_WITHIN = 4000; // an agent that is there takes it at once
const DONE_WITHIN = 15000;
const REST = 60000; // after trouble with the agent the browser prints for a while

let restUntil = 0;

/** The printer that the workstation table names here for a kind of print, or null. */
function printerFor(kind) {
  const printers = page.station?.printers ?? [];
  return printers.find((one) => one.kind === kind) ?? printers.find((one) => one.kind === "*") ?? null;
}

/** Print the page at `path`; resolves when agent or browser has taken it. */
export async function printed(path) {
  const printer = printerFor(path.split("/")[2]);
  if (printer?.printer && Date.now() > restUntil && (await byAgent(path))) return;
  await byBrowser(path, printer);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));

/**
 * Let the agent print; whether the browser has nothing left to do. Where nobody knows whether it came out, the person is
 * told to look, for a second copy must not come by itself.
 */
async function byAgent(path) {
  let job;
  try {
    job = await act("/prints/silent", { path, language: page.lang === "en" ? "en" : "zh" }, ulid(), { anyMode: true });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    restUntil = Date.now() + REST;
    if (error.code !== "no_silent_print") failed(error);
    return false;
  }
  const begun = Date.now();
  while (job.state === "waiting" || job.state === "taken") {
    if (Date.now() - begun > DONE_WITHIN) return unknown(job);
    await pause();
    const late = job.state === "waiting" && Date.now() - begun > TAKEN_WITHIN;
    try {
      job = late ? await act(`/prints/silent/${job.id}/withdraw`, {}, null, { anyMode: true }) : await get(`/prints/silent/${job.id}`);
    } catch (error) {
      if (error instanceof TypeError || (error instanceof Problem && error.status >= 502 && error.status <= 504)) continue;
      if (!(error instanceof Problem)) console.error(error);
      return unknown(job); // it may be in the printer already: what failed is the question, not the print
    }
  }
  if (job.state === "done") {
    said(t("frame.print_done", { printer: job.printer }));
    return true;
  }
  if (job.state === "unknown") return unknown(job); // its command came to no end: it may come out yet
  restUntil = Date.now() + REST;
  warned(t("frame.print_failed", { printer: job.printer, detail: job.detail ?? "" }));
  return false;
}

/** The agent has it, and nobody knows how it went. */
function unknown(job) {
  restUntil = Date.now() + REST;
  warned(t("frame.print_unknown", { printer: job.printer }));
  return true;
}

function byBrowser(path, printer) {
  document.getElementById("paper")?.remove();
  return new Promise((resolve) => {
    const frame = h("iframe", { id: "paper", title: t("frame.paper"), "aria-hidden": "true", tabindex: "-1" });
    frame.addEventListener("load", () => {
      if (printer) place(frame.contentDocument.body, printer);
      frame.contentWindow.focus();
      frame.contentWindow.print();
      window.focus();
      resolve();
    });
    frame.src = path + (path.includes("?") ? "&" : "?") + `lang=${page.lang}`;
    document.body.append(frame);
  });
}

/** Move the print on the paper and repeat it, as the workstation table says. */
function place(body, { offset_x_mm: right, offset_y_mm: down, copies }) {
  if (right || down) Object.assign(body.style, { position: "relative", left: `${right}mm`, top: `${down}mm` });
  const one = Array.from(body.childNodes, (node) => node.cloneNode(true));
  for (let copy = 1; copy < copies; copy += 1) {
    const next = h("div", {}, one.map((node) => node.cloneNode(true)));
    next.style.breakBefore = "page";
    body.append(next);
  }
}

/** "Did it come out?": true, or false for a reprint or a new number. */
export async function cameOut(what) {
  const answer = await question({
    title: t("frame.came_out", { what }),
    buttons: [{ value: "yes", label: t("frame.came_out_yes"), main: true }, { value: "no", label: t("frame.came_out_no"), key: "F8" }],
  });
  return answer === null || answer.button === "yes";
}

/**
 * Count a copy (POST `record` with `body`), print the page at `path`, ask whether it came out; again until it did. `what`
 * names the paper; without it the number does that the answer gives it.
 */
export async function printUntilOut({ what = null, path, record, body = {} }) {
  let copy;
  do {
    copy = await act(record, body, ulid(), { anyMode: true });
    await printed(path);
  } while (!(await cameOut(what ?? copy.document_id)));
}

// What one can do on the console: every act asks what it must know, is sent once, and says what became of it.

import { act as send, get, Problem } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { printUntilOut } from "../kernel/print.js";
import { said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { refreshAfter } from "./live.js";

const JOB_LOOK = 700;
// What is decided here makes no document: a mode that changed meanwhile does not matter to it.
const act = (where, body, key) => send(where, body, key, { anyMode: true });

export const REASON = { name: "reason", label: t("console.reason"), required: true, maxlength: 500 };
const second = (required) => [
  { name: "operator", label: t("frame.second_operator"), required, maxlength: 64 },
  { name: "password", label: t("frame.second_password"), type: "password", required, maxlength: 256 },
];
export const SECOND = second(true);
// At night there may be nobody: some acts take a reason instead, and wait for a counter-signature.
export const SECOND_OR_ALONE = [
  ...second(false),
  { name: "alone", label: t("console.alone"), maxlength: 500, hint: t("console.alone_hint"), aside: true },
];

/** The second person as the API wants them, or why there is none. */
export function approver(answer) {
  return answer.alone && !answer.operator ? { alone: answer.alone } : { operator: answer.operator, password: answer.password };
}

/** Ask, send, and stay with the question while the standby refuses. Resolves to its answer, or to null. */
export async function asked({ title, body = null, fields = [], word, send }) {
  const key = ulid();
  let done = null;
  const answer = await question({
    title, body: typeof body === "string" ? h("p", {}, body) : body, fields,
    buttons: [{ value: "yes", label: word ?? t("frame.ok"), main: true }, { value: null, label: t("frame.cancel") }],
    check: async (given) => {
      try {
        done = await send(given, key);
        return null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return `${error.message} (${error.code})`;
      }
    },
  });
  return answer && (done ?? {});
}

/** Wait for a job of the worker; resolves to its row when it is over. */
export async function jobOver(job, look = () => {}) {
  for (;;) {
    const found = await get(`/jobs/${job.id}`);
    if (found.state === "done" || found.state === "failed") return found;
    look(found);
    await new Promise((resolve) => setTimeout(resolve, JOB_LOOK));
  }
}

async function sent(path, body, words) {
  await act(path, body, ulid());
  said(words);
}

/** Send; where the standby wants a second person for it, ask for one and send again. */
async function byTwo(where, body, title, words) {
  try {
    await sent(where, body, words);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "second_person_required") throw error;
    const done = await asked({
      title, body: error.message, fields: SECOND_OR_ALONE,
      send: (given, key) => act(where, { ...body, approver: approver(given) }, key),
    });
    if (done) said(words);
  }
}

const path = (no, rest) => `/incidents/${no}/${rest}`;

function linkFields(keys) {
  if (keys.length > 1) {
    const options = keys.map((one) => ({ value: one.key, label: `${one.key} ${one.words}`.trim() }));
    return [{ name: "central_key", label: t("console.link_to"), options, required: true }];
  }
  return [{ name: "central_key", label: t("console.link_to"), value: keys[0]?.key ?? "", required: true, maxlength: 64 }];
}

// What leaves a document unsent names what stands for it.
const INSTEAD = [{ name: "central_key", label: t("console.instead"), required: true, maxlength: 64 }];

async function decide({ conflict, decision, consequence, approver: needs, keys, names }) {
  const link = decision === "link" ? linkFields(JSON.parse(keys)) : names ? INSTEAD : [];
  const done = await asked({
    title: t(`console.decision_${decision}`), body: consequence, word: t("console.decide"),
    fields: [{ name: "note", label: t("console.note"), required: true, maxlength: 500 }, ...link, ...(needs ? SECOND : [])],
    send: (given, key) => {
      const body = { decision, note: given.note };
      if (given.central_key) body.central_key = given.central_key;
      if (needs) body.approver = approver(given);
      return act(`/conflicts/${conflict}/resolve`, body, key);
    },
  });
  if (done) said(t("console.said_decided"));
}

const ask = (title, where, words, more = {}) => async () => {
  const done = await asked({ title, fields: [REASON], send: (given, key) => act(where, { ...more, reason: given.reason }, key) });
  if (done) said(words);
};

/** What a button with data-act does; its other data are handed in. */
export const ACTS = {
  confirm: ({ no }) => sent(path(no, "confirm"), {}, t("console.said_confirmed")),
  insurance: ({ down }) => ask(down === "true" ? t("console.insurance_down") : t("console.insurance_up"), "/mode/insurance", t("console.said_insurance"), { down: down === "true" })(),
  release: async ({ unpaid }) => {
    const done = await asked({
      title: t("console.release"), body: t("console.release_cost", { n: unpaid }), fields: [REASON], word: t("console.release"),
      send: (given, key) => act("/mode/release", { reason: given.reason }, key),
    });
    if (done) said(t("console.said_released"));
  },
  mirror_run: () => sent("/mirror/runs", {}, t("console.said_asked")),
  mirror_go: () => sent("/mirror/go", {}, t("console.said_goes_on")),
  mirror_stop: () => ask(t("console.mirror_stop"), "/mirror/stop", t("console.said_stopped"))(),
  detection_stop: () => ask(t("detection.stop"), "/detection/stop", t("detection.said_stopped"))(),
  detection_go: () => sent("/detection/go", {}, t("detection.said_goes")),
  mirror_back: async ({ generation }) => {
    const done = await asked({
      title: t("console.mirror_back"), body: t("console.mirror_back_means", { n: generation }), fields: [REASON],
      send: (given, key) => act("/mirror/rollback", { reason: given.reason }, key),
    });
    if (done) said(t("console.said_asked"));
  },
  mirror_approve: async ({ run, hash }) => {
    const done = await asked({
      title: t("console.approve_run", { run }), body: t("console.approve_means"), fields: [REASON], word: t("console.approve"),
      send: (given, key) => act(`/mirror/runs/${run}/approve`, { hash, reason: given.reason }, key),
    });
    if (done) said(t("console.said_asked"));
  },
  upload: ({ no }) => byTwo(path(no, "upload"), { dry_run: false }, t("console.upload_now"), t("console.said_asked")),
  rehearse: ({ no }) => sent(path(no, "upload"), { dry_run: true }, t("console.said_asked")),
  upload_pause: ({ no }) => ask(t("console.upload_pause"), path(no, "upload/pause"), t("console.said_paused"))(),
  upload_go: ({ no }) => byTwo(path(no, "upload/go"), {}, t("console.upload_go"), t("console.said_goes_on")),
  decide,
  reconcile: ({ no }) => sent(path(no, "reconciliation"), {}, t("console.said_asked")),
  explain: async ({ no, difference, what }) => {
    const done = await asked({
      title: t("console.explain"), body: what, fields: [{ name: "note", label: t("console.explanation"), required: true, maxlength: 500 }],
      send: (given, key) => act(path(no, `differences/${difference}/explain`), { note: given.note }, key),
    });
    if (done) said(t("console.said_explained"));
  },
  sign: async ({ no, as }) => {
    const done = await asked({
      title: t(`console.sign_as_${as}`), body: t("console.sign_means"), word: t("console.sign"),
      send: (given, key) => act(path(no, "sign"), { as }, key),
    });
    if (done) said(done.signatures?.length > 1 ? t("console.said_closed") : t("console.said_signed"));
  },
  print: ({ no, paper }) => printUntilOut({ path: `/print/${paper}/${no}`, record: path(no, "prints"), body: { paper } }),
  pdf: async ({ no, paper }) => {
    await act(path(no, "prints"), { paper }, ulid());
    const link = h("a", { href: `/print/${paper}/${no}.pdf`, download: `YJ-${no}-${paper}.pdf`, hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
  },
};

/** Do what a button says, then look at the page again. */
export async function perform(button) {
  await ACTS[button.dataset.act]({ ...button.dataset });
  refreshAfter(); // not waited for: the next key belongs to the next act
}

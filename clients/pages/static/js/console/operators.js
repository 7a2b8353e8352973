// People on the console: codes that are shown once, approvals to read out, locking out and letting in, the seal.

import { question } from "../kernel/dialog.js";
import { by, h } from "../kernel/dom.js";
import { act as send } from "../kernel/api.js";
import { page, t } from "../kernel/page.js";
import { said } from "../kernel/say.js";
import { ACTS, approver, asked, REASON, SECOND } from "./acts.js";

const act = (where, body, key) => send(where, body, key, { anyMode: true });
const acts = () => JSON.parse(by("two-person-acts").textContent).map(([value, label]) => ({ value, label }));

/** Codes in clear: on the screen to be read out, or on paper to be cut into slips. They are nowhere else. */
async function given(items, title, hint) {
  const rows = items.map((one) => h("tr", {}, h("td", {}, `${one.operator} ${one.name}`), h("td.code", {}, one.code), h("td", {}, one.expires_at.slice(5, 16).replace("T", " "))));
  const table = h("table.dense.given", {}, h("thead", {}, h("tr", {}, [t("people.who"), t("people.code"), t("people.until")].map((word) => h("th", {}, word)))), h("tbody", {}, rows));
  for (;;) {
    const answer = await question({
      title, body: h("div.stack", {}, h("p", {}, hint), h("div.scroll", { tabindex: "0", role: "region", "aria-label": title }, table)),
      buttons: [{ value: "print", label: t("people.print"), key: "F9" }, { value: null, label: t("people.noted"), main: true }],
    });
    if (!answer) return;
    print(items, title);
  }
}

function print(items, title) {
  const slips = items.map((one) => h("div.slip", {}, h("span", {}, `${one.operator} ${one.name}`), h("strong", {}, one.code), h("small", {}, t("people.slip", { time: one.expires_at.slice(0, 16).replace("T", " ") }))));
  const sheet = h("div.sheet", {}, h("h1", {}, `${page.hospital} ${title}`), slips);
  document.body.append(sheet);
  document.body.dataset.sheet = "";
  window.print();
  delete document.body.dataset.sheet;
  sheet.remove();
}

const who = (operator, name) => `${operator} ${name}`;

ACTS.code = async ({ operator, name }) => {
  const done = await asked({
    title: t("people.code_for", { who: who(operator, name) }), body: t("people.code_means"), word: t("people.code"),
    fields: [{ name: "log_out", label: t("people.log_out"), options: [{ value: "", label: t("people.no") }, { value: "yes", label: t("people.yes") }] }],
    send: (answer, key) => act("/operators/codes", { operators: [operator], log_out: answer.log_out === "yes" }, key),
  });
  if (done) await given(done.items, t("people.code_for", { who: who(operator, name) }), t("people.shown_once"));
};

ACTS.codes_department = async ({ department }) => {
  const done = await asked({
    title: t("people.codes_department"), body: t("people.codes_department_means"), word: t("people.code"),
    send: (answer, key) => act("/operators/codes", { department_code: department }, key),
  });
  if (!done) return;
  if (done.items.length) await given(done.items, t("people.sheet"), t("people.shown_once"));
  else said(t("people.nobody_without"));
};

ACTS.approve = async () => {
  const done = await asked({
    title: t("people.approve"), body: t("people.approve_means"), word: t("people.approve"),
    fields: [
      { name: "operator", label: t("people.for_whom"), required: true, maxlength: 64 },
      { name: "act", label: t("people.act"), options: acts(), required: true },
      { name: "count", label: t("people.how_many"), maxlength: 2, hint: t("people.how_many_hint") },
    ],
    send: (answer, key) => {
      const body = { operator: answer.operator, act: answer.act };
      if (answer.count) body.count = Number(answer.count) || 0;
      return act("/approvals", body, key);
    },
  });
  if (done) await given(done.items, t("people.approve"), t("people.approve_read", { me: page.operator.code }));
};

ACTS.add_operator = async () => {
  const roles = ["registrar", "cashier", "doctor", "pharmacist", "triage", "supervisor", "duty", "admin", "auditor"];
  const done = await asked({
    title: t("people.add"), body: t("people.add_means"), word: t("people.add"),
    fields: [
      { name: "operator", label: t("people.new_code"), required: true, maxlength: 64 },
      { name: "name", label: t("people.name"), required: true, maxlength: 128 },
      { name: "role", label: t("people.roles"), options: roles.map((role) => ({ value: role, label: t(`people.role_${role}`) })), required: true },
    ],
    send: (answer, key) => act("/operators", { operator: answer.operator, name: answer.name, roles: [answer.role] }, key),
  });
  if (done) await given([done], t("people.add"), t("people.shown_once"));
};

function byReason(what, title, word, words) {
  return async ({ operator, name }) => {
    const done = await asked({
      title: t(title, { who: who(operator, name) }), fields: [REASON], word: t(word),
      send: (answer, key) => act(`/operators/${encodeURIComponent(operator)}/${what}`, { reason: answer.reason }, key),
    });
    if (done) said(words(done));
  };
}
ACTS.disable = byReason("disable", "people.disable_who", "people.disable", (done) => t("people.said_disabled", { n: done.sessions_ended }));
ACTS.enable = byReason("enable", "people.enable_who", "people.enable", () => t("people.said_enabled"));

ACTS.countersign = async ({ no, what }) => {
  const done = await asked({
    title: t("people.countersign"), body: what, word: t("people.countersign"),
    fields: [{ name: "note", label: t("people.note"), required: true, maxlength: 500 }],
    send: (answer, key) => act(`/alone-acts/${no}/sign`, { note: answer.note }, key),
  });
  if (done) said(t("people.said_signed"));
};

ACTS.seal = async () => {
  const done = await asked({
    title: t("people.seal"), body: t("people.seal_means"), word: t("people.seal"),
    fields: SECOND, send: (answer, key) => act("/seal", { approver: approver(answer) }, key),
  });
  if (done) await given([{ operator: done.operator, name: "", code: done.code, expires_at: done.sealed_at }], t("people.seal"), t("people.seal_once"));
};

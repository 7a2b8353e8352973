// Drills on the console: planned, begun, ended by two; findings keyed in; the return tried on a copy; the certificate.

import { act as send } from "../kernel/api.js";
import { h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { printUntilOut } from "../kernel/print.js";
import { said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { ACTS, approver, asked, REASON, SECOND_OR_ALONE } from "./acts.js";

const act = (where, body, key) => send(where, body, key, { anyMode: true });
/** What stands in one field, apart by commas of any kind. */
const list = (text) => (text ?? "").split(/[,，、;；\n]/).map((one) => one.trim()).filter(Boolean);
const show = (number) => window.location.assign(`/console/drills?drill=${number}`);

ACTS.plan_drill = async ({ stations }) => {
  const done = await asked({
    title: t("drills.plan"), body: t("drills.plan_means"), word: t("drills.plan"),
    fields: [
      { name: "title", label: t("drills.name"), required: true, maxlength: 200 },
      { name: "objectives", label: t("drills.objectives"), maxlength: 2000 },
      { name: "planned_for", label: t("drills.when"), maxlength: 16, hint: t("drills.when_hint") },
      { name: "people", label: t("drills.people"), maxlength: 2000, hint: t("drills.list_hint") },
      { name: "workstations", label: t("drills.workstations"), maxlength: 2000, value: stations ?? "" },
      { name: "departments", label: t("drills.where"), maxlength: 2000, hint: t("drills.where_hint") },
      { name: "observers", label: t("drills.observers"), maxlength: 500 },
    ],
    send: (given, key) => {
      const body = {
        title: given.title, objectives: given.objectives, people: list(given.people),
        workstations: list(given.workstations), observers: list(given.observers),
      };
      if (given.planned_for) body.planned_for = given.planned_for;
      if (list(given.departments).length) body.departments = list(given.departments);
      return act("/drills", body, key);
    },
  });
  if (done) show(done.id);
};

ACTS.start_drill = async ({ drill, title }) => {
  const done = await asked({
    title: t("drills.start"), body: t("drills.start_means", { title }), word: t("drills.start"),
    send: (given, key) => act(`/drills/${drill}/start`, {}, key),
  });
  if (done) said(t("drills.said_started"));
};

ACTS.call_off = async ({ drill, title }) => {
  const done = await asked({
    title: t("drills.call_off"), body: title, fields: [REASON], word: t("drills.call_off"),
    send: (given, key) => act(`/drills/${drill}/call-off`, { reason: given.reason }, key),
  });
  if (done) said(t("drills.said_called_off"));
};

ACTS.end_drill = async () => {
  const done = await asked({
    title: t("drills.end"), body: t("drills.end_means"), word: t("drills.end"), fields: SECOND_OR_ALONE,
    send: (given, key) => act("/mode/normal", { upload: false, approver: approver(given) }, key),
  });
  if (done) said(t("drills.said_ended"));
};

ACTS.find = async ({ drill }) => {
  const kinds = ["problem", "good", "idea"].map((value) => ({ value, label: t(`drills.kind_${value}`) }));
  const done = await asked({
    title: t("drills.find"), word: t("drills.find"),
    fields: [
      { name: "kind", label: t("drills.kind"), options: kinds, required: true },
      { name: "text", label: t("drills.finding"), required: true, maxlength: 2000 },
      { name: "owner", label: t("drills.owner"), maxlength: 128 },
      { name: "due_on", label: t("drills.due_on"), maxlength: 10, hint: t("drills.due_hint") },
    ],
    send: (given, key) => {
      const body = { kind: given.kind, text: given.text, owner: given.owner ?? "" };
      if (given.due_on) body.due_on = given.due_on;
      return act(`/drills/${drill}/findings`, body, key);
    },
  });
  if (done) said(t("drills.said_found"));
};

ACTS.mend = async ({ finding, text }) => {
  const done = await asked({
    title: t("drills.mend"), body: text, word: t("drills.mend"),
    fields: [{ name: "note", label: t("drills.how_mended"), required: true, maxlength: 500 }],
    send: (given, key) => act(`/findings/${finding}/done`, { note: given.note }, key),
  });
  if (done) said(t("drills.said_mended"));
};

ACTS.rehearse_return = async ({ drill }) => {
  const done = await asked({
    title: t("drills.rehearse"), body: t("drills.rehearse_means"), word: t("drills.rehearse"),
    send: (given, key) => act(`/drills/${drill}/rehearsals`, {}, key),
  });
  if (done) said(t("console.said_asked"));
};

ACTS.self_test = async () => {
  const done = await asked({
    title: t("drills.test_now"), body: t("drills.test_means"), word: t("drills.test_now"),
    send: (given, key) => act("/self-tests", {}, key),
  });
  if (done) said(t("console.said_asked"));
};

ACTS.certificate = ({ drill }) => printUntilOut({ path: `/print/drill/${drill}`, record: `/drills/${drill}/prints`, body: {} });

ACTS.certificate_pdf = async ({ drill }) => {
  await act(`/drills/${drill}/prints`, {}, ulid());
  const link = h("a", { href: `/print/drill/${drill}.pdf`, download: `YL-${drill}.pdf`, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
};

// What was already written in this visit, ours and the centre's: printed again, cancelled while unpaid.

import { act } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { goTo } from "../kernel/keys.js";
import { mayAct, t, worded } from "../kernel/page.js";
import { printUntilOut } from "../kernel/print.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { onVisit, originTag, readAgain } from "./visit.js";

const TONE = { unpaid: "warn", paid: "good", dispensed: "good", executed: "good", cancelled: "", refunded: "bad" };

const number = (paper) => paper.rx_no ?? paper.order_no;
const entity = (paper) => ("rx_no" in paper ? "prescription" : "order");

const rows = new Rows(by("written-rows"), {
  none: "doctor.nothing_written",
  moved: permit,
  cells: (paper) => [
    h("td", {}, number(paper), " ", originTag(paper), h("small", {}, ` ${paper.written_at.slice(11, 16)} ${paper.staff_name ?? ""}`)),
    entity(paper) === "prescription" ? t(`doctor.kind_${paper.kind}`) : t("doctor.order"),
    h("td", {}, paper.lines.map((line) => `${line.name} ×${line.quantity}${line.unit}`).join("; "),
      paper.diagnoses?.length ? h("small", {}, ` ${paper.diagnoses.map((one) => one.name).join(", ")}`) : null),
    h("td.num", {}, paper.total),
    h("td", {}, h(`span.tag${TONE[paper.status] ? `.${TONE[paper.status]}` : ""}`, {}, t(`doctor.paper_${paper.status}`))),
  ],
});

function permit() {
  const paper = rows.chosen;
  by("print").disabled = !paper || !mayAct("doctor");
  by("cancel").disabled = !paper || paper.origin !== "yj" || paper.status !== "unpaid" || !mayAct("doctor");
}

function show(visit) {
  const papers = visit ? [...visit.prescriptions, ...visit.orders].sort((a, b) => (a.written_at < b.written_at ? 1 : -1)) : [];
  rows.show(papers);
  put(by("written-count"), papers.length ? `(${papers.length})` : "");
  permit();
}

function printPaper(paper) {
  return printUntilOut({ what: number(paper), path: `/print/${entity(paper)}/${paper.id}`, record: `/${entity(paper)}s/${paper.id}/prints` });
}

/** A paper was made: say its number, offer to print it; `later` are warnings that came up only when it was written. */
export async function offerPrint(paper, later) {
  const answer = await question({
    title: t("doctor.made", { number: number(paper), total: paper.total }),
    body: h("div", {}, later.map((one) => h("p.note.warn", {}, worded(one))),
      h("p", {}, t("doctor.made_then"))),
    buttons: [{ value: "print", label: t("doctor.print"), main: true, key: "F8" }, { value: null, label: t("doctor.no_print") }],
  });
  if (!answer) return;
  try {
    await printPaper(paper);
  } catch (error) {
    failed(error);
  }
}

const cancel = once(async () => {
  const paper = rows.chosen;
  if (!paper) return;
  hush();
  const answer = await question({
    title: t("doctor.cancel_this", { number: number(paper) }),
    fields: [{ name: "reason", label: t("doctor.reason"), required: true, maxlength: 200 }],
  });
  if (!answer) return;
  try {
    await act(`/${entity(paper)}s/${paper.id}/cancel`, { reason: answer.reason }, ulid());
    said(t("doctor.cancelled", { number: number(paper) }));
  } catch (error) {
    failed(error); // paid or cancelled meanwhile: the list below says which
  }
  await readAgain();
  rows.focus();
});

export function beginWritten() {
  onVisit(show);
  by("cancel").addEventListener("click", cancel);
  by("print").addEventListener("click", once(async () => {
    if (!rows.chosen) return;
    hush();
    await printPaper(rows.chosen);
    rows.focus();
  }));
  by("written-rows").addEventListener("keydown", (event) => { if (event.key === "Escape") goTo(by("find")); });
}

/** Put the keyboard on the list. */
export function lookAtWritten() {
  if (!rows.focus()) by("tab-written").focus();
}

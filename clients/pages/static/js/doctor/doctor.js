// The doctor's desk: queue at the left, the visit and one of its papers at the right.

import { confirm } from "../kernel/dialog.js";
import { by, h, put } from "../kernel/dom.js";
import { onMode } from "../kernel/frame.js";
import { inHand } from "../kernel/in_hand.js";
import { goTo } from "../kernel/keys.js";
import { mayAct, page, t } from "../kernel/page.js";
import { personLine } from "../kernel/person.js";
import { hush, once } from "../kernel/say.js";
import { openOrder, order, orderBegun, workOnOrder } from "./order.js";
import { openPrescription, prescription, prescriptionBegun, workOnPrescription } from "./prescription.js";
import { beginQueue, move } from "./queue.js";
import { barred, closeVisit, onTop, onVisit, openVisit, originTag, visit, visitBefore } from "./visit.js";
import { beginWritten, lookAtWritten } from "./written.js";

const TABS = ["rx", "order", "written"];
const WORK = { rx: workOnPrescription, order: workOnOrder, written: lookAtWritten };

function turn(tab) {
  onTop(tab);
  for (const name of TABS) {
    by(name).hidden = name !== tab;
    by(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
  }
}

function showPerson() {
  by("visit-buttons").hidden = !visit;
  by("paper-panel").hidden = !visit;
  if (!visit) {
    put(by("person"), h("small", {}, t("doctor.nobody")));
    return;
  }
  put(by("person"), personLine(visit),
    h("span", {}, visit.department_name, visit.queue_no === null ? "" : ` ${t("doctor.queue_no", { n: visit.queue_no })}`),
    h("span.tag", {}, t(`doctor.status_${visit.status}`)), originTag(visit),
    visit.visit_kind === "emergency" ? h("span.tag.bad", {}, t("doctor.emergency")) : null,
    visit.as_of ? h("small", {}, t("doctor.as_of", { time: visit.as_of.slice(11, 16) })) : null);
  const over = visit.cancelled;
  for (const id of ["call", "absent", "seen"]) by(id).disabled = over || !mayAct("doctor");
}

function showMode() {
  const why = barred(onTop());
  const returning = page.mode.mode === "returning";
  by("mode-note").hidden = !why && !returning;
  by("mode-note").textContent = why ?? (returning ? t("doctor.mode_returning") : "");
  prescription.permit();
  order.permit();
}

onVisit((found, again) => {
  showPerson();
  if (!again) {
    openPrescription(found);
    openOrder(found);
    turn(found ? onTop() : "rx");
  }
  showMode();
  if (!again) (found ? WORK[onTop()] : () => goTo(by("find")))();
});

for (const name of TABS) {
  by(`tab-${name}`).addEventListener("click", () => {
    hush();
    turn(name);
    showMode();
    WORK[name]();
  });
}

/** A visit is put away only when nothing unsigned is lost from sight. */
async function mayGo() {
  if (!prescriptionBegun() && !orderBegun()) return true;
  return confirm(t("doctor.unsigned"), t("doctor.unsigned_why"));
}

by("call").addEventListener("click", once(() => move(visit.id, "called")));
by("absent").addEventListener("click", once(async () => {
  await move(visit.id, "absent");
  closeVisit();
}));
by("seen").addEventListener("click", once(async () => {
  hush();
  if (!(await mayGo())) return;
  await move(visit.id, "seen");
  closeVisit();
}));

inHand(() => prescriptionBegun() || orderBegun());
beginWritten();
beginQueue();
turn(onTop());
onMode(showMode);
const before = visitBefore();
if (before) {
  once(async () => {
    try {
      await openVisit(before);
    } catch (error) {
      closeVisit();
      throw error;
    }
  })();
} else goTo(by("find"));

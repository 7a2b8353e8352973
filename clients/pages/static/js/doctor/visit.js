// The visit that lies open on the desk: who it is, what was written in it, and what may be written now.

import { get } from "../kernel/api.js";
import { h } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { inScope } from "../kernel/frame.js";
import { mayAct, page, t } from "../kernel/page.js";

/** What stays on this computer over a reload: which visit lies open, and which paper of it. */
const desk = new Draft("doctor", () => ({ visit: null, tab: "rx" }));
const listeners = [];

/** The open visit as the standby tells it (with `prescriptions` and `orders`), or null. */
export let visit = null;

/** Be told whenever another visit lies open, and whenever the open one was read again (`again`). */
export function onVisit(listener) {
  listeners.push(listener);
}

function tell(again) {
  for (const listener of listeners) listener(visit, again);
}

/** Open a visit. */
export async function openVisit(id) {
  visit = await get(`/registrations/${id}`);
  desk.state.visit = id;
  desk.save();
  tell(false);
}

/** Read the open visit again. */
export async function readAgain() {
  if (!visit) return;
  const found = await get(`/registrations/${visit.id}`);
  if (visit?.id !== found.id) return;
  visit = found;
  tell(true);
}

/** What an act of the queue answered about the open visit. */
export function took(answer) {
  if (visit?.id !== answer.id) return;
  visit = { ...visit, ...answer };
  tell(true);
}

/** Put the visit away. */
export function closeVisit() {
  visit = null;
  desk.renew();
  tell(false);
}

/** The visit that lay open before the page was loaded anew, or null. */
export function visitBefore() {
  return desk.state.visit;
}

/** The paper on top: rx, order or written. */
export function onTop(tab) {
  if (tab) {
    desk.state.tab = tab;
    desk.save();
  }
  return desk.state.tab;
}

/** Why nothing can be written for the open visit now, as a sentence; null where it can. */
export function barred(paper) {
  const { mode } = page;
  if (!mayAct("doctor")) return t("doctor.only_looking");
  if (mode.mode === "normal") return t("doctor.mode_normal");
  if (visit?.cancelled) return t("doctor.visit_cancelled");
  if (visit && !inScope(visit.department_code)) return t("doctor.out_of_scope", { name: visit.department_name });
  if (paper === "rx" && !page.data.may_prescribe) return t("doctor.no_right");
  return null;
}

/** A tag for where a document comes from. */
export function originTag(thing) {
  return thing.origin === "yj" ? h("span.tag.yj", {}, t("doctor.of_yj")) : h("span.tag.centre", {}, t("doctor.of_centre"));
}

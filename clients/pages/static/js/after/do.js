// Buttons and forms that say in the page what they send: asked once, sent once, and what became of it is said.

import { act, get, Problem } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { h } from "../kernel/dom.js";
import { Draft } from "../kernel/draft.js";
import { goTo, walk } from "../kernel/keys.js";
import { page } from "../kernel/page.js";
import { failed, hush, once, said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";

// What is marked here makes no document: a mode that changed meanwhile does not matter to it.
const send = (path, body, key) => act(path, body, key, { anyMode: true });

/** `approver.operator` of a field's name becomes a field inside `approver`; what was left empty is not sent. */
function bodyOf(given) {
  const body = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === "" || value === null || name === "button") continue;
    const path = name.split(".");
    const last = path.pop();
    let place = body;
    for (const part of path) place = place[part] ??= {};
    place[last] = value;
  }
  return body;
}

/** A time as people type it, at the hospital's clock, becomes one with an offset. */
function timesOf(fields, given) {
  const offset = page.now.slice(-6);
  for (const field of fields) if (field.type === "datetime-local" && given[field.name]) given[field.name] += `:00${offset}`;
  return given;
}

/** Ask what the button wants to know, send it, and stay with the question while the standby refuses. */
async function pressed(button, afterwards) {
  const { do: path, title, about, said: word } = button.dataset;
  const fields = JSON.parse(button.dataset.fields ?? "[]");
  const fixed = JSON.parse(button.dataset.body ?? "{}");
  const key = ulid();
  const answer = await question({
    title, body: about ? h("p", {}, about) : null, fields,
    check: async (given) => {
      try {
        await send(path, { ...fixed, ...bodyOf(timesOf(fields, given)) }, key);
        return null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return `${error.message} (${error.code})`;
      }
    },
  });
  if (!answer) return;
  said(word);
  afterwards(); // not waited for: the next key belongs to the next act
}

/** Give life to the buttons of the page. `afterwards`: look at the page again. */
export function buttonsReady(afterwards) {
  const press = once((button) => pressed(button, afterwards));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && !button.disabled) press(button);
  });
}

/** A form with data-send: Enter walks it, its last Enter sends it; a half-filled one survives a reload. */
export function formReady(form, afterwards) {
  const draft = new Draft(form.id);
  draft.bind(form);
  // Not form.dataset: a field of that name would stand in its place.
  const told = (name) => form.getAttribute(`data-${name}`);
  const go = once(async () => {
    hush();
    const fields = Array.from(form.elements).filter((field) => field.name && !field.closest("[hidden]"));
    const missing = fields.find((field) => field.required && !field.value.trim());
    if (missing) {
      goTo(missing);
      return;
    }
    const given = Object.fromEntries(fields.filter((field) => field.type !== "checkbox").map((field) => [field.name, field.type === "password" ? field.value : field.value.trim()]));
    for (const box of fields.filter((field) => field.type === "checkbox" && field.checked)) given[box.name] = box.value === "true";
    try {
      await send(told("send"), bodyOf(given), draft.key);
    } catch (error) {
      failed(error, form);
      return;
    }
    draft.renew();
    form.reset();
    form.dispatchEvent(new Event("change"));
    said(told("said"));
    goTo(fields[0]);
    afterwards(); // not waited for: the next key belongs to the next act
  });
  walk(form, { done: go });
}

export { get };

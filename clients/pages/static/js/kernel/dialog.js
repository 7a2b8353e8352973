// Questions in front of the page: a choice, a reason, the second person. Focus stays inside; Esc says no.

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { walk } from "./keys.js";
import { t } from "./page.js";

/**
 * Ask. `fields` are `{name, label, type?, value?, required?, options?, hint?}`, `buttons` are
 * `{value, label, key?, main?}`; the first main one is what Enter presses. Resolves to `{button, ...fields}` or to null.
 * `check(answer)` may return (or resolve to) a sentence: it is shown and the question stays.
 */
export function question({ title, body = null, fields = [], buttons = null, check = null }) {
  const choices = buttons ?? [
    { value: "yes", label: t("frame.ok"), main: true },
    { value: null, label: t("frame.cancel") },
  ];
  const before = document.activeElement;
  return new Promise((resolve) => {
    const wrong = h("p.note.bad", { role: "alert", hidden: true });
    const inputs = fields.map((field) => field.options
      ? h("select", { name: field.name, id: `ask-${field.name}`, required: field.required },
        field.options.map((option) => h("option", { value: option.value, selected: option.value === field.value }, option.label)))
      : h(field.type === "textarea" ? "textarea" : "input", {
        name: field.name, id: `ask-${field.name}`, type: field.type === "textarea" ? null : field.type ?? "text",
        value: field.value, required: field.required, autocomplete: field.type === "password" ? "new-password" : "off", maxlength: field.maxlength ?? 200,
      }));
    const rows = fields.map((field, index) => h("div.row", {}, h("label", { for: `ask-${field.name}` }, field.label), inputs[index], field.hint ? h("small", {}, field.hint) : null));
    const press = choices.map((choice) => h(choice.main ? "button.main" : "button", { type: "button", dataset: choice.key ? { key: choice.key } : {}, onclick: () => close(choice) },
      choice.label, choice.key ? h("kbd", {}, choice.key) : null));
    const form = h("form.stack", { method: "dialog", novalidate: true }, wrong, rows, h("div.buttons", {}, press));
    const dialog = h("dialog", { "aria-label": title }, h("h2", {}, title), body, form);

    async function close(choice) {
      if (choice.value === null) {
        finish(null);
        return;
      }
      const missing = inputs.find((input) => input.required && !input.value.trim());
      if (missing) {
        say(t("frame.fill_this", { field: missing.labels[0].textContent }));
        missing.focus();
        return;
      }
      const answer = { button: choice.value, ...Object.fromEntries(inputs.map((input) => [input.name, input.type === "password" ? input.value : input.value.trim()])) };
      const refused = check ? await check(answer) : null;
      if (refused) say(refused);
      else finish(answer);
    }
    function say(sentence) {
      wrong.textContent = sentence;
      wrong.hidden = false;
    }
    function finish(answer) {
      putAway(dialog, before);
      resolve(answer);
    }
    const first = choices.find((choice) => choice.main) ?? choices[0];
    walk(form, { done: () => close(first), back: () => finish(null) });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    // The Enter that brought the question here, still held down, is no answer to it.
    dialog.addEventListener("keydown", (event) => { if (event.repeat && event.key === "Enter") event.preventDefault(); }, true);
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0] ?? press[choices.indexOf(first)]).focus();
  });
}

/**
 * Take a question out of the page and go back to `before`. It is not closed first: that gives the focus back by itself, and
 * what has it so takes no typing in Chromium once the dialog is gone.
 */
export function putAway(dialog, before) {
  dialog.remove();
  before?.focus?.();
}

/** Run an act as the `check` of a question: the sentence of a refusal, or null when it was done. */
export async function refusal(work) {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/** Yes or no. */
export async function confirm(title, body = null) {
  return (await question({ title, body: body ? h("p", {}, body) : null })) !== null;
}

/** Something to know before going on. */
export function inform(title, body) {
  return question({ title, body: body instanceof Node ? body : h("p", {}, body), buttons: [{ value: "yes", label: t("frame.ok"), main: true }] });
}

/** The second person's log-in for an act that needs one: `{operator, password}` or null. */
export async function secondPerson(why) {
  const answer = await question({
    title: t("frame.second_person"), body: why ? h("p", {}, why) : null,
    fields: [
      { name: "operator", label: t("frame.second_operator"), required: true, maxlength: 64 },
      { name: "password", label: t("frame.password"), type: "password", required: true, maxlength: 256 },
    ],
  });
  return answer && { operator: answer.operator, password: answer.password };
}

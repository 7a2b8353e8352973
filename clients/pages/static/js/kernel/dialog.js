// Questions in front of the page: a choice, a reason, the second person. Focus stays inside; Esc says no.

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { after, goTo, walk } from "./keys.js";
import { t } from "./page.js";
import { searching } from "./search.js";

/**
 * Ask. `fields` are `{name, label, type?, value?, required?, options?, among?, hint?, aside?}` (`options` is a list that is
 * shown, `among` one that is searched, both of `{value, label}`, the second also found by `also`; Enter passes by one that
 * is `aside`), `buttons` are `{value, label, key?, main?}`; the first main one is what Enter presses. Resolves to
 * `{button, ...fields}` or to null.
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
    const inputs = fields.map((field) => field.among ? searchField(field) : field.options
      ? h("select", { name: field.name, id: `ask-${field.name}`, required: field.required },
        field.options.map((option) => h("option", { value: option.value, selected: option.value === field.value }, option.label)))
      : h(field.type === "textarea" ? "textarea" : "input", {
        name: field.name, id: `ask-${field.name}`, type: field.type === "textarea" ? null : field.type ?? "text",
        value: field.value, required: field.required, autocomplete: field.type === "password" ? "new-password" : "off", maxlength: field.maxlength ?? 200,
        inputmode: field.inputmode,
      }));
    const rows = fields.map((field, index) => h(field.among ? "div.row.searchbox" : "div.row", { "data-aside": field.aside }, h("label", { for: `ask-${field.name}` }, field.label), inputs[index], field.hint ? h("small", {}, field.hint) : null));
    const press = choices.map((choice) => h(choice.main ? "button.main" : "button", { type: "button", dataset: choice.key ? { key: choice.key } : {}, onclick: () => close(choice) },
      choice.label, choice.key ? h("kbd", {}, choice.key) : null));
    const form = h("form.stack", { method: "dialog", novalidate: true }, wrong, rows, h("div.buttons", {}, press));
    const dialog = h("dialog", { "aria-label": title }, h("h2", {}, title), body, form);

    async function close(choice) {
      if (choice.value === null) {
        finish(null);
        return;
      }
      const missing = inputs.find((input) => input.required && !meant(input));
      if (missing) {
        say(t("frame.fill_this", { field: missing.labels[0].textContent }));
        missing.focus();
        return;
      }
      const answer = { button: choice.value, ...Object.fromEntries(inputs.map((input) => [input.name, meant(input)])) };
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
    for (const event of ["input", "change"]) form.addEventListener(event, () => { wrong.hidden = true; }); // it is being filled
    fields.forEach((field, index) => { if (field.among) searched(inputs[index], field.among, form, () => close(first)); });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    // The Enter that brought the question here, still held down, is no answer to it.
    dialog.addEventListener("keydown", (event) => { if (event.repeat && event.key === "Enter") event.preventDefault(); }, true);
    document.body.append(dialog);
    dialog.showModal();
    if (inputs[0]) goTo(inputs[0]);
    else press[choices.indexOf(first)].focus();
  });
}

/** What stands in a field: the value that was chosen, or the text without the blanks around it. */
function meant(input) {
  if (input.dataset.among !== undefined) return input.dataset.chosen ?? "";
  return input.type === "password" ? input.value : input.value.trim();
}

function searchField({ name, value, required, among }) {
  const known = among.find((one) => one.value === value);
  return h("input", { name, id: `ask-${name}`, value: known?.label ?? "", required, maxlength: 64, dataset: { among: "", ...(known ? { chosen: known.value } : {}) } });
}

/** Search in a short list by the beginning of any word of it. Enter takes one; Enter on what was taken goes on. */
function searched(input, among, form, done) {
  const label = () => among.find((one) => one.value === input.dataset.chosen)?.label;
  const fits = (one, text) => `${one.label} ${one.also ?? ""}`.toUpperCase().split(" ").some((word) => word.startsWith(text));
  input.addEventListener("input", () => { delete input.dataset.chosen; });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.repeat || input.value !== label()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    list.close();
    const next = after(form, input);
    if (next) goTo(next);
    else done();
  });
  const list = searching(input, {
    all: true,
    first: false, // nobody is taken by an Enter too many
    empty: (text) => { if (!text) done(); },
    load: async (text) => among.filter((one) => fits(one, text.toUpperCase())),
    show: (one) => [one.label],
    choose: (one) => {
      input.dataset.chosen = one.value;
      input.value = one.label;
    },
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
      { name: "password", label: t("frame.second_password"), type: "password", required: true, maxlength: 256 },
    ],
  });
  return answer && { operator: answer.operator, password: answer.password };
}

// What the server said when it made this page, and the words in the page's language.

const holder = document.getElementById("page-data");

/** @type {{api: string, lang: string, now: string, epoch: number, mode: object, csrf: string, operator: object,
 *   workstation: string, station: ?object, stream: boolean, idle_minutes: number, texts: Object<string, string>, data: object}} */
export const page = JSON.parse(holder.textContent);

/** The text of a message id; `%(name)s` in it is replaced by values.name. */
export function t(id, values = {}) {
  const text = page.texts[id];
  if (text === undefined) {
    console.error(`no text for ${id}`);
    return id;
  }
  return text.replace(/%\((\w+)\)s/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether the person has one of these roles. */
export function mayAct(...roles) {
  return Boolean(page.operator) && page.operator.roles.some((role) => roles.includes(role));
}

/** What an answer says in two languages, in the page's: `worded(warning)` is its `text` or `text_en`. */
export function worded(thing, name = "text") {
  return page.lang === "en" ? thing[`${name}_en`] : thing[name];
}

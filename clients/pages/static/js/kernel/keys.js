// The keyboard: function keys press the button that shows them, Enter goes on, Esc goes back.

const KEYS = /^F([1-4]|[6-9]|10)$/; // F5 stays the browser's reload, F11 and F12 are its own

/** Press the visible, enabled button that carries `data-key` ("F8", "Shift+F8"); a dialog in front has them to itself. */
function pressButton(event) {
  if (!KEYS.test(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
  const dialogs = document.querySelectorAll("dialog[open]");
  const place = dialogs.length ? dialogs[dialogs.length - 1] : document;
  event.preventDefault(); // the browser's help or search would take the window from the queue
  const key = event.shiftKey ? `Shift+${event.key}` : event.key;
  const button = Array.from(place.querySelectorAll(`[data-key="${key}"]`)).find(
    (found) => !found.disabled && found.offsetParent !== null && !found.closest("[inert]"),
  );
  if (button && !event.repeat) button.click();
}

document.addEventListener("keydown", pressButton);

/** The fields of `form` a person passes through, in the order of the page. */
function stops(form) {
  return Array.from(form.querySelectorAll("input, select, textarea, button[data-stop]")).filter(
    (field) => !field.disabled && field.type !== "hidden" && field.tabIndex >= 0 && field.offsetParent !== null,
  );
}

/**
 * Enter in a field goes to the next one, on the last it calls `done`; Esc calls `back`. A field may keep Enter to
 * itself with `event.preventDefault()` (a list that is open); buttons and text areas keep theirs. What is seldom needed
 * stands in a part marked `data-aside`: Enter passes it by, Tab and the mouse reach it.
 */
export function walk(form, { done = null, back = null } = {}) {
  form.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Escape" && back) {
      event.preventDefault();
      back();
      return;
    }
    const plain = event.key === "Enter" && !event.shiftKey && !event.ctrlKey;
    if (!plain || event.target.tagName === "TEXTAREA" || event.target.tagName === "BUTTON") return;
    event.preventDefault();
    if (event.repeat) return;
    const next = after(form, event.target);
    if (next) goTo(next);
    else done?.();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done?.();
  });
}

/** The field that Enter goes to from `field`, or undefined at the end. */
export function after(form, field) {
  const fields = stops(form);
  const own = field.closest("[data-aside]");
  const behind = field.compareDocumentPosition.bind(field);
  return fields.find((other) => {
    if (!(behind(other) & Node.DOCUMENT_POSITION_FOLLOWING)) return false;
    const aside = other.closest("[data-aside]");
    return !aside || aside === own;
  });
}

/** Put the cursor where the next keystroke belongs, its old text marked so that typing replaces it. */
export function goTo(field) {
  field.focus();
  if (field.select && field.type !== "date") field.select();
}

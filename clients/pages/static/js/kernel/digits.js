// Numbers typed with a Chinese input method on: full-width digits and the full stop of a sentence become what they mean.

const NUMBERS = new Set(["decimal", "numeric", "tel"]);

/** "１２。５" → "12.5". */
export function narrow(text) {
  return String(text).normalize("NFKC").replace(/\u3002/g, ".");
}

function mend(field) {
  const text = narrow(field.value);
  if (text === field.value) return false;
  const at = field.selectionStart;
  field.value = text;
  if (text.length >= at) field.setSelectionRange(at, at);
  return true;
}

const isNumber = (field) => field.tagName === "INPUT" && NUMBERS.has(field.inputMode);

// Before any page hears of it, so that no page has to think of it.
document.addEventListener("input", (event) => {
  if (!event.isComposing && isNumber(event.target)) mend(event.target);
}, true);
document.addEventListener("compositionend", (event) => {
  if (isNumber(event.target) && mend(event.target)) event.target.dispatchEvent(new InputEvent("input", { bubbles: true }));
}, true);

// Lists come in the order of their codes; a person who types three letters means the plain name, not its rarest kind.

export const MANY = 80; // asked for, of which the likeliest are shown
const SHOWN = 15;

/** The likeliest first: the very code or name, then short names before long ones. */
export function likeliest(items, text) {
  const low = text.toLowerCase();
  const code = (item) => String(item.diagnosis_code ?? item.item_code).toLowerCase();
  const rank = (item) => (code(item) === low || item.name === text ? 0 : item.name.length);
  return [...items].sort((one, other) => rank(one) - rank(other)).slice(0, SHOWN);
}

// The identity of a human act, minted when the form opens (Crockford base 32: 48 bits of time, 80 of chance).

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A new ULID. */
export function ulid(now = Date.now()) {
  let time = now;
  let head = "";
  for (let i = 0; i < 10; i += 1) {
    head = DIGITS[time % 32] + head;
    time = Math.floor(time / 32);
  }
  const chance = crypto.getRandomValues(new Uint8Array(16));
  return head + Array.from(chance, (byte) => DIGITS[byte % 32]).join("");
}

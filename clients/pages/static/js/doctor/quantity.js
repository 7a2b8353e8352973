// How many packs a course takes: dose × times a day × days, and what a pack holds. Where the lists do not say what a
// dose unit is worth, there is no answer and the doctor keys it.

const SCALE = 1000000n; // six places: a dose of 0.000001 is nobody's
const METRIC = new Map([["kg", 1000000000n], ["g", 1000000n], ["mg", 1000n], ["ug", 1n], ["μg", 1n], ["mcg", 1n], ["l", 1000n], ["ml", 1n]]);
const FAMILY = new Map([["kg", "mass"], ["g", "mass"], ["mg", "mass"], ["ug", "mass"], ["μg", "mass"], ["mcg", "mass"], ["l", "volume"], ["ml", "volume"]]);

const same = (one, other) => Boolean(one) && Boolean(other) && one.toLowerCase() === other.toLowerCase();

/** "0.5" → 500000n; null for what is no positive number with at most six places. */
export function scaled(text) {
  const found = /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(String(text ?? "").trim());
  if (!found) return null;
  const value = BigInt(found[1]) * SCALE + BigInt((found[2] ?? "").padEnd(6, "0"));
  return value > 0n ? value : null;
}

const SPEC = /^([\d.]+)\s*([a-zA-Zμ]{1,3})\s*[*×xX]\s*(\d{1,4})\s*([\u4e00-\u9fff]{1,2})(?:\/[\u4e00-\u9fff]{1,2})?$/; // 0.25g*24 pieces

/** A drug with its pack as the columns say it, or, where they are silent, as a specification of the plain kind does. */
function packed(drug) {
  if (drug.strength || drug.min_unit || drug.pack_qty || drug.category === "herbal") return drug;
  const found = SPEC.exec(String(drug.spec ?? "").trim());
  if (!found || same(found[4], drug.unit) || Number(found[3]) < 1) return drug;
  return { ...drug, strength: found[1], strength_unit: found[2], pack_qty: Number(found[3]), min_unit: found[4] };
}

/** What one smallest piece of a drug holds, `{amount, unit}`, or null: "0.25" and "g", or "0.25g" in one. */
function strengthOf(drug) {
  const found = /^([\d.]+)\s*([a-zA-Zμ]+)?$/.exec(String(drug.strength ?? "").trim());
  const unit = drug.strength_unit || found?.[2];
  return found && unit && scaled(found[1]) ? { amount: found[1], unit } : null;
}

/** The units in which a dose of this drug may be said, the likeliest first. */
export function doseUnits(found) {
  const drug = packed(found);
  const units = [strengthOf(drug)?.unit, drug.category === "herbal" ? drug.unit : drug.min_unit, drug.unit];
  return [...new Set(units.filter(Boolean))];
}

/** The dose in smallest pieces as a fraction `[over, under]`, or null. */
function pieces(drug, dose, unit) {
  if (same(unit, drug.min_unit ?? drug.unit)) return [dose, SCALE];
  if (same(unit, drug.unit)) return [dose * BigInt(drug.pack_qty ?? 1), SCALE];
  const strength = strengthOf(drug);
  if (!strength) return null;
  const held = scaled(strength.amount);
  if (same(unit, strength.unit)) return [dose, held];
  const [from, to] = [unit.toLowerCase(), strength.unit.toLowerCase()];
  if (!FAMILY.has(from) || FAMILY.get(from) !== FAMILY.get(to)) return null;
  return [dose * METRIC.get(from), held * METRIC.get(to)];
}

/**
 * Packs for the course, or null where it cannot be computed. Herbal drugs: grams a dose × number of doses.
 * `times` is the frequency's times a day as the dictionary has it ("3", "0.5", null).
 */
export function packs(found, { dose, unit, times, days }) {
  const drug = found && packed(found);
  const amount = scaled(dose);
  if (!drug || !amount || !days || days < 1) return null;
  const course = drug.category === "herbal" ? SCALE : scaled(times);
  const one = pieces(drug, amount, unit ?? "");
  if (!one || !course) return null;
  const needsPack = drug.category !== "herbal" && !same(drug.unit, drug.min_unit) && drug.min_unit;
  if (needsPack && !drug.pack_qty) return null;
  const over = one[0] * course * BigInt(days);
  const under = one[1] * SCALE * BigInt(needsPack ? drug.pack_qty : 1);
  const count = (over + under - 1n) / under;
  return count > 0n && count <= 99999n ? Number(count) : null;
}

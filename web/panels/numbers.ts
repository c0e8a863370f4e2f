// How numbers are shown.

const DIGITS = 4;
const [SMALL, LARGE] = [1e-3, 1e6]; // numbers beyond them have an exponent

/** A number with four digits at most: 0.964, 32, 1.23e−7. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < SMALL || magnitude >= LARGE)) {
    return withMinus(value.toExponential(2).replace("e+", "e"));
  }
  return withMinus(`${Number.isInteger(value) ? value || 0 : Number(value.toPrecision(DIGITS))}`);
}

/** A number with all its digits. */
export function fullNumber(value: number): string {
  return Number.isFinite(value) ? withMinus((value || 0).toString()) : shortNumber(value);
}

function withMinus(text: string): string {
  return text.replaceAll("-", "−");
}

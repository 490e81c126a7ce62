/** What stands where a figure is undefined. */
export const UNDEFINED_TEXT = "–";

/** A ratio or loss with a fixed number of decimals; "–" for null. */
export function decimalText(value: number | null | undefined, digits = 4): string {
  return value === null || value === undefined || Number.isNaN(value) ? UNDEFINED_TEXT : value.toFixed(digits);
}

/** A whole number with thousands separators: "14,428". */
export function countText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "97.5 %"; "–" for null. */
export function percentText(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? UNDEFINED_TEXT : `${(100 * value).toFixed(digits)} %`;
}

const SI_PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z"] as const;

/** Three significant digits with an SI prefix (powers of 1000): siText(8.45e14, "FLOP") is "845 TFLOP". */
export function siText(value: number, unit: string): string {
  if (value === 0) return `0 ${unit}`;
  const rounded = Number(value.toPrecision(3));
  const power = Math.floor(Math.log10(Math.abs(rounded)) / 3 + 1e-12);
  const index = Math.min(SI_PREFIXES.length - 1, Math.max(0, power));
  return `${Number((rounded / 1000 ** index).toPrecision(3))} ${SI_PREFIXES[index]}${unit}`;
}

/** Seconds as a person says them: "0.25 s", "58.3 s", "3 min 13 s", "2 h 05 min". */
export function durationText(seconds: number): string {
  if (seconds < 59.95) return `${seconds < 1 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

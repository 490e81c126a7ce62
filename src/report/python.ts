/**
 * Numbers and JSON as Python writes them, so that files and lines here equal those of Hugging Face Trainer byte for
 * byte. JavaScript has one number type: a `number` is written as a Python float ("3.0"), a `bigint` as an int ("3").
 */

/** What the JSON writer accepts; undefined object entries are left out. */
export type PythonValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue | undefined };

/** `repr(float)`: shortest digits that read back equal, always with a point or an exponent. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2"); // Python pads the exponent to two digits
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** `round(value, digits)`: to the nearest decimal of the exact binary value; exact halves go to the even digit. */
export function roundHalfEven(value: number, digits: number): number {
  const text = value.toFixed(digits); // exact, but halves away from zero
  const halves = value * 2 ** (digits + 1); // (2m+1)/(2·10^d) is binary only as odd/2^(d+1)
  const isHalf = Number.isInteger(halves) && halves % 2 !== 0;
  if (!isHalf || /[02468]$/.test(text)) return Number(text);
  return Number((Number(text) - Math.sign(value) * 10 ** -digits).toFixed(digits));
}

/** `json.dumps(value, indent=indent, sort_keys=True)`: non-ASCII escaped, NaN and Infinity as Python names them. */
export function pythonJson(value: PythonValue, indent: number, depth = 0): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return asciiString(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return jsonFloat(value);
  const inner = `\n${" ".repeat(indent * (depth + 1))}`;
  const outer = `\n${" ".repeat(indent * depth)}`;
  const write = (item: PythonValue) => pythonJson(item, indent, depth + 1);
  if (isList(value)) {
    return value.length === 0 ? "[]" : `[${inner}${value.map(write).join(`,${inner}`)}${outer}]`;
  }
  const entries = Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, item] as const]));
  if (entries.length === 0) return "{}";
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${inner}${entries.map(([key, item]) => `${asciiString(key)}: ${write(item)}`).join(`,${inner}`)}${outer}}`;
}

const isList = (value: PythonValue): value is readonly PythonValue[] => Array.isArray(value);

function jsonFloat(value: number): string {
  return Number.isFinite(value) ? floatText(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function asciiString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

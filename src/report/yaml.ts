/** What the YAML writer accepts; undefined entries are left out. */
export type YamlValue =
  | null
  | boolean
  | number
  | string
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue | undefined };

/** Block-style YAML that YAML 1.1 (PyYAML, Ruby) and 1.2 readers read alike; ends in a line break. */
export function yaml(value: { readonly [key: string]: YamlValue | undefined }): string {
  return `${mappingLines(value, "").join("\n")}\n`;
}

function mappingLines(value: { readonly [key: string]: YamlValue | undefined }, indent: string): string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    if (item === undefined) return [];
    const name = `${indent}${yamlString(key)}:`;
    if (isBlock(item)) return [name, ...blockLines(item, isList(item) ? indent : `${indent}  `)];
    return [`${name} ${scalar(item)}`];
  });
}

/** A list's items stand at the indent of their key; the first line of a block item follows its dash. */
function blockLines(value: Block, indent: string): string[] {
  if (!isList(value)) return mappingLines(value, indent);
  return value.flatMap((item) => {
    if (!isBlock(item)) return [`${indent}- ${scalar(item)}`];
    const lines = blockLines(item, `${indent}  `);
    return [`${indent}- ${lines[0]!.slice(indent.length + 2)}`, ...lines.slice(1)];
  });
}

type Block = readonly YamlValue[] | { readonly [key: string]: YamlValue | undefined };

const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value);

function isBlock(value: YamlValue): value is Block {
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some((item) => item !== undefined);
}

function scalar(value: YamlValue): string {
  if (typeof value === "string") return yamlString(value);
  if (typeof value === "number") return yamlNumber(value);
  if (value === null || typeof value === "boolean") return String(value);
  return isList(value) ? "[]" : "{}";
}

/** YAML 1.1 takes an exponent for a number only after a point: 1e-7 becomes 1.0e-7. */
function yamlNumber(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  return String(value).replace(/^(-?\d+)e/, "$1.0e");
}

const PLAIN = /^[A-Za-z](?:[A-Za-z0-9_./-]| (?=[A-Za-z0-9_./(-]))*$/;
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i; // words YAML 1.1 takes for booleans and null

/**
 * A string as a plain word where every YAML version reads it so, otherwise double-quoted. JSON's quoting is YAML's;
 * characters YAML forbids raw (DEL, C1 controls, line separators, byte-order marks, lone surrogates) are escaped too.
 */
export function yamlString(text: string): string {
  if (PLAIN.test(text) && !RESERVED.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

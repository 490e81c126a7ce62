const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The first key that stands twice in one object of a JSON text; undefined without one. `JSON.parse` keeps the last of two
 * silently, which would let two readers see two different files. The text must be valid JSON.
 */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // the keys seen in each object around this place; undefined for a list
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{") open.push(new Set());
    else if (c === "[") open.push(undefined);
    else if (c === "}" || c === "]") open.pop();
    else if (c === '"') {
      const end = endOfString(text, i);
      if (isFollowedByColon(text, end)) {
        const key = JSON.parse(text.slice(i, end)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i + 1;
}

function isFollowedByColon(text: string, start: number): boolean {
  let i = start;
  while (" \t\n\r".includes(text.charAt(i)) && i < text.length) i++;
  return text[i] === ":";
}

const SHOWN_CHARACTERS = 200;
const SHOWN_ITEMS = 8;

/** A value from a file for a message: short and shallow, whatever it is, as a hostile file can make values endless. */
export function show(value: unknown, inside = false): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length <= SHOWN_CHARACTERS ? value : `${value.slice(0, SHOWN_CHARACTERS)}…`);
  }
  if (Array.isArray(value)) {
    if (inside) return "[…]";
    const items = value.slice(0, SHOWN_ITEMS).map((item) => show(item, true));
    return `[${[...items, ...(value.length > SHOWN_ITEMS ? ["…"] : [])].join(", ")}]`;
  }
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}

/** Whether a value from a JSON file is an object, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

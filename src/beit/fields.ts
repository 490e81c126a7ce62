import { isRecord, show } from "../checkpoint/json.ts";
import { BeitError } from "../platform/errors.ts";

/** A kind of value in a JSON file, with its name for messages. */
export interface Kind<T> {
  readonly name: string;
  is(value: unknown): value is T;
}

const kind = <T>(name: string, is: (value: unknown) => boolean): Kind<T> => ({ name, is: is as Kind<T>["is"] });
const isNumber = (value: unknown): value is number => Number.isFinite(value);

/** Kinds of values in a `config.json`. */
export const kinds = {
  text: kind<string>("a text", (value) => typeof value === "string"),
  flag: kind<boolean>("true or false", (value) => typeof value === "boolean"),
  size: kind<number>("a whole number above 0", (value) => Number.isSafeInteger(value) && (value as number) > 0),
  positive: kind<number>("a number above 0", (value) => isNumber(value) && value > 0),
  notNegative: kind<number>("a number, 0 or more", (value) => isNumber(value) && value >= 0),
  rate: kind<number>("a number from 0 to below 1", (value) => isNumber(value) && value >= 0 && value < 1),
};

/** Either of two kinds. */
export const either = <A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> =>
  kind(`${a.name} or ${b.name}`, (value) => a.is(value) || b.is(value));

/** A list of two values of a kind. */
export const pairOf = <T>(of: Kind<T>): Kind<readonly [T, T]> =>
  kind("a list of two such", (value) => Array.isArray(value) && value.length === 2 && value.every(of.is));

/** One of a few texts. */
export const oneOf = <T extends string>(...texts: readonly T[]): Kind<T> =>
  kind(texts.map((text) => show(text)).join(" or "), (value) => texts.includes(value as T));

/** An object whose values are of a kind. */
export const recordOf = <T>(of: Kind<T>): Kind<Readonly<Record<string, T>>> =>
  kind(`an object, every value ${of.name}`, (value) => isRecord(value) && Object.values(value).every(of.is));

/** Reads the keys of an object; other keys than those asked for are tolerated. */
export interface Fields {
  /** The value of a key, or what it is where the file is silent. @throws BeitError `config/invalid` */
  read<T>(key: string, expected: Kind<T>, usual: T): T;
  /** The value of a key that may be absent or null. @throws BeitError `config/invalid` */
  optional<T>(key: string, expected: Kind<T>): T | undefined;
}

/**
 * The fields of a JSON value.
 * @param name the file, for messages
 * @throws BeitError `config/invalid` when it is no object
 */
export function fieldsOf(json: unknown, name: string): Fields {
  const fail = (where: string, expected: string, found: unknown) =>
    new BeitError("config/invalid", `${name}: ${where}expected ${expected}, got ${show(found)}`);
  if (!isRecord(json)) throw fail("", "a JSON object", json);
  const read: Fields["read"] = (key, expected, usual) => {
    const value = Object.hasOwn(json, key) ? json[key] : undefined;
    if (value === undefined) return usual;
    if (expected.is(value)) return value;
    throw fail(`${key}: `, expected.name, value);
  };
  return {
    read,
    optional: (key, expected) => (json[key] == null ? undefined : read(key, expected, undefined as never)),
  };
}

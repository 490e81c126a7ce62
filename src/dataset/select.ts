import { BeitError } from "../platform/errors.ts";
import type { Sample } from "./sample.ts";

/** Samples chosen by their attributes; values of one key are alternatives, keys must all agree. */
export interface Where {
  include?: Record<string, readonly string[]>;
  exclude?: Record<string, readonly string[]>;
}

/** Values of one attribute that are kept from training, e.g. a whole source. */
export interface Holdout {
  key: string;
  values: readonly string[];
}

/**
 * The samples that `where` keeps.
 * @throws BeitError `dataset/unknown-attribute` when no sample has the key, listing those there are.
 */
export function selectSamples<T extends Pick<Sample, "attributes">>(samples: readonly T[], where: Where): T[] {
  const include = Object.entries(where.include ?? {});
  const exclude = Object.entries(where.exclude ?? {});
  for (const [key] of [...include, ...exclude]) requireAttribute(samples, key);
  return samples.filter(
    ({ attributes }) =>
      include.every(([key, values]) => values.includes(attributes[key] ?? "")) &&
      !exclude.some(([key, values]) => values.includes(attributes[key] ?? "")),
  );
}

/**
 * Divides samples by a held-out attribute. A group with a held-out sample leaves `rest` whole, so no duplicate of a
 * held-out picture is trained on.
 * @throws BeitError `dataset/unknown-attribute`; `dataset/no-images` when nothing has some value: it would be trained on.
 */
export function holdOut<T extends Pick<Sample, "attributes" | "group">>(
  samples: readonly T[],
  { key, values }: Holdout,
): { rest: T[]; held: T[] } {
  requireAttribute(samples, key);
  const known = new Set(samples.map(({ attributes }) => attributes[key] ?? ""));
  const strange = values.filter((value) => !known.has(value));
  if (strange.length > 0 || values.length === 0) {
    throw new BeitError(
      "dataset/no-images",
      `holdout: no picture has ${key} ${strange.join(" or ")}; there are ${[...known].sort().join(", ")}`,
    );
  }
  const held = samples.filter(({ attributes }) => values.includes(attributes[key] ?? ""));
  const groups = new Set(held.map(({ group }) => group));
  const isHeld = new Set(held);
  return { rest: samples.filter((s) => !isHeld.has(s) && (s.group === undefined || !groups.has(s.group))), held };
}

/** @throws BeitError `dataset/unknown-attribute` when no sample has the key, listing those there are */
export function requireAttribute(samples: readonly Pick<Sample, "attributes">[], key: string): void {
  if (samples.some(({ attributes }) => attributes[key] !== undefined)) return;
  const keys = [...new Set(samples.flatMap(({ attributes }) => Object.keys(attributes)))];
  const known = keys.length > 0 ? `they have ${keys.join(", ")}` : "they have none: a metadata.csv gives them";
  throw new BeitError("dataset/unknown-attribute", `the pictures have no attribute ${key}; ${known}`);
}

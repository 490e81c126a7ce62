import { InvalidArgumentError } from "commander";
import type { ProbePooling } from "../evaluate/probe.ts";

/** An option's text as a whole number from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number, ${least} or more.`);
  };
}

const MOST_THREADS = 256; // more would fill the memory before any of them works

/** An option's text as a number of threads, from `least` on. */
export function threadCount(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= MOST_THREADS) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${MOST_THREADS}.`);
  };
}

/** An option's text as a port; 0 stands for any that is free. */
export function portNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65535) return value;
  throw new InvalidArgumentError("Expected a port, from 0 to 65535.");
}

/** An option's text as a number above 0, and `most` at most. */
export function positiveNumber(most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value > 0 && value <= most) return value;
    throw new InvalidArgumentError(
      `Expected a number above 0${most < Number.POSITIVE_INFINITY ? `, at most ${most}` : ""}.`,
    );
  };
}

/** An option's text as a number from 0 to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}

/** An option's text as a list of names, separated by commas. */
export function names(text: string): string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "")) return list;
  throw new InvalidArgumentError("Expected names separated by commas.");
}

/** An option's text as numbers by name: `NAME=NUMBER`, separated by commas; added to those before, where it comes again. */
export function numbersByName(
  text: string,
  before: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const pairs = names(text).map((part) => {
    const at = part.lastIndexOf("=");
    const [name, digits] = [part.slice(0, at).trim(), part.slice(at + 1)];
    const value = Number(digits);
    if (name !== "" && at > 0 && digits.trim() !== "" && Number.isFinite(value)) return [name, value] as const;
    throw new InvalidArgumentError("Expected NAME=NUMBER, separated by commas.");
  });
  const all = [...before, ...pairs];
  if (new Set(all.map(([name]) => name)).size === all.length) return new Map(all);
  throw new InvalidArgumentError("Expected every name once.");
}

/** An option's text as `all`, or as layers by number. */
export function layerNumbers(text: string): number[] | "all" {
  return text.trim() === "all" ? "all" : names(text).map(wholeNumber(1));
}

/** An option's text as a list of poolings. */
export function poolings(text: string): ProbePooling[] {
  const list = names(text);
  const known = (name: string): name is ProbePooling => name === "cls" || name === "mean" || name === "concat";
  if (list.every(known)) return list;
  throw new InvalidArgumentError("Expected cls, mean or concat, separated by commas.");
}

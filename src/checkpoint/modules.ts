import { BeitError } from "../platform/errors.ts";
import { show } from "./json.ts";
import { isKind, type PickleOpaque, type PickleRecord } from "./pickle.ts";

/** The classes that DALL-E's encoder and decoder consist of. @see openai/DALL-E dall_e/encoder.py, decoder.py, utils.py */
const MODULES = [
  "dall_e.encoder.Encoder",
  "dall_e.encoder.EncoderBlock",
  "dall_e.decoder.Decoder",
  "dall_e.decoder.DecoderBlock",
  "dall_e.utils.Conv2d",
  "torch.nn.modules.container.Sequential",
  "torch.nn.modules.activation.ReLU",
  "torch.nn.modules.linear.Identity",
  "torch.nn.modules.pooling.MaxPool2d",
  "torch.nn.modules.upsampling.Upsample",
] as const;

/** What a pickled module refers to besides: where it lay, and an empty set of names. */
const VALUES = ["torch.device", "__builtin__.set"] as const;

/** What the restricted reader makes of them: records without behaviour, and nothing of the values. */
export const moduleVocabulary: readonly (readonly [
  string,
  (args: readonly unknown[]) => PickleRecord | PickleOpaque,
])[] = [
  ...MODULES.map((name) => [name, () => ({ kind: "record" as const, name, state: new Map() })] as const),
  ...VALUES.map((name) => [name, () => ({ kind: "opaque" as const, name })] as const),
];

/** Whether a pickle holds a whole module. */
export const isModule = (value: unknown): value is PickleRecord => isKind<PickleRecord>(value, "record");

const DEEPEST = 16; // levels of parts; DALL-E's modules have 5

/**
 * A module's parameters by path, as its `state_dict()` has them: those of the module, then those of its parts.
 * @throws BeitError `checkpoint/bad-pickle` when a module lacks parameters or parts, comes twice or lies very deep: a small
 * file could otherwise ask for endless work
 */
export function stateDict(module: PickleRecord, name: string): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  const seen = new Set<PickleRecord>();
  const walk = (record: PickleRecord, path: readonly string[]): void => {
    if (seen.has(record) || path.length > DEEPEST)
      throw bad(name, `the module ${show(path.join("."))} repeats or is too deep`);
    seen.add(record);
    for (const [key, value] of attribute(record, "_parameters", name)) entries.set([...path, key].join("."), value);
    for (const [key, part] of attribute(record, "_modules", name)) {
      if (isModule(part)) walk(part, [...path, String(key)]);
    }
  };
  walk(module, []);
  return entries;
}

function attribute(record: PickleRecord, key: string, name: string): ReadonlyMap<unknown, unknown> {
  const value = record.state.get(key);
  if (value instanceof Map) return value;
  throw bad(name, `its ${record.name} has no dict ${key}`);
}

const bad = (name: string, reason: string) =>
  new BeitError("checkpoint/bad-pickle", `${name}: is not a sound pickle of a module: ${reason}`);

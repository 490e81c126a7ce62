import { createColors } from "picocolors";
import type { ModelPart } from "../beit/parts.ts";
import { visibleText } from "../platform/visible.ts";
import { countText, percentText, siText } from "./numbers.ts";
import { formatTable, type TextStyle } from "./table.ts";

/** Everything `beit info` says about a model; the keys are those of its JSON. */
export interface ModelSummary {
  readonly model: string;
  readonly task: string;
  /** As in `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly labels: readonly string[];
  readonly parameters: { readonly total: number; readonly parts: readonly ModelPart[] };
  /** Of one image: multiply-accumulates, and operations (two each); a training step is three forward passes. */
  readonly compute: {
    readonly forward_macs: number;
    readonly forward_flops: number;
    readonly training_flops: number;
  };
  /** As in `preprocessor_config.json`. */
  readonly preprocessing: Readonly<Record<string, unknown>>;
  /** Absent for a preset, which has no weights. */
  readonly source?: {
    readonly format: string;
    readonly files: readonly string[];
    readonly dtypes: readonly string[];
    readonly unused: readonly string[];
    /** Simple fields of the model card's front matter. */
    readonly card: Readonly<Record<string, string>>;
  };
}

/**
 * The top-level scalars and lists of scalars of a model card's YAML front matter, as text; nested fields (model-index)
 * are left out.
 */
export function frontMatterFields(card: string): Record<string, string> {
  const block = /^---\r?\n(.*?)\r?\n---/s.exec(card)?.[1] ?? "";
  const fields: Record<string, string> = {};
  for (const [, key, value, list] of block.matchAll(/^([\w-]+):[ \t]*([^\r\n]*)((?:\r?\n[ ]*- [^\r\n:{]*$)*)/gm)) {
    const items = [...list!.matchAll(/- (.*)/g)].map(([, item]) => item!.trim());
    const text = value!.trim() || items.join(", ");
    if (text) fields[key!] = text.replace(/^(["'])(.*)\1$/, "$2");
  }
  return fields;
}

/** The summary as text for people. */
export function formatModel(summary: ModelSummary, style: TextStyle = {}): string {
  const { bold } = createColors(style.color ?? false);
  const { model, task, labels, config, parameters, compute, preprocessing, source } = summary;
  const shown = labels.slice(0, 12).map((label, i) => `${i} ${label}`);
  const more = labels.length > shown.length ? `, … ${countText(labels.length)} in all` : "";
  const facts: [string, string][] = [
    ["task", task],
    ...(task === "classification" ? [["labels", shown.join(", ") + more] as [string, string]] : []),
    ["parameters", countText(parameters.total)],
    ["forward", `${siText(compute.forward_macs, "MAC")} = ${siText(compute.forward_flops, "FLOP")} per image`],
    ["training step", `${siText(compute.training_flops, "FLOP")} per image`],
    ...Object.entries(source ? sourceFacts(source) : {}),
  ];
  const partRows = parameters.parts.map(({ name, tensors, parameters: count }) => {
    return [name, String(tensors), countText(count), percentText(count / parameters.total)];
  });
  const columns = ["tensors", "parameters", "share"].map((title) => ({ title, align: "right" as const }));
  return [
    [bold(visibleText(model)), ...lines(facts)].join("\n"),
    formatTable([{ title: "part" }, ...columns], partRows, style),
    [bold("configuration"), ...lines(jsonFacts(config))].join("\n"),
    [bold("preprocessing"), ...lines(jsonFacts(preprocessing))].join("\n"),
    ...(source && Object.keys(source.card).length > 0
      ? [[bold("model card"), ...lines(Object.entries(source.card))].join("\n")]
      : []),
  ].join("\n\n");
}

function sourceFacts({ format, files, dtypes, unused }: NonNullable<ModelSummary["source"]>): Record<string, string> {
  return {
    format: `${format}, ${dtypes.join(" and ")}`,
    files: files.join(", "),
    ...(unused.length > 0 && { unused: unused.join(", ") }),
  };
}

const hidden = new Set(["id2label", "label2id"]); // the labels are listed already

function jsonFacts(json: Readonly<Record<string, unknown>>): [string, string][] {
  const entries = Object.entries(json).filter(([key]) => !hidden.has(key));
  return entries.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]);
}

function lines(facts: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `  ${name.padEnd(width)}  ${visibleText(value)}`);
}

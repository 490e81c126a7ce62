import type { Value } from "../graph/value.ts";
import { batchInput, createScope, createTrace, type Trace } from "../nn/scope.ts";
import { codesPerSide, type DvaeConfig } from "./config.ts";
import { decodeTokens, reconstruction } from "./decoder.ts";
import { visualTokens } from "./encoder.ts";
import { mapPixels, unmapPixels } from "./pixels.ts";

/** The halves of a tokenizer; the names of their parameters begin with this. */
export type DvaePart = "encoder" | "decoder";

/** A traced half: what it needs and what it gives, for any number of pictures. */
export interface TracedPart {
  readonly trace: Trace;
  readonly outputs: Readonly<Record<string, Value>>;
}

/**
 * The two halves as they are used: `encoder` from `pixels` [B, C, H, W] in [0, 1] to `tokens` [B, H/8, W/8], int64;
 * `decoder` from `tokens` to `pixels`.
 */
export const tracePart: Readonly<Record<DvaePart, (config: DvaeConfig) => TracedPart>> = {
  encoder(config) {
    const trace = createTrace();
    const pixels = batchInput(trace, "pixels", [-1, config.numChannels, config.imageSize, config.imageSize]);
    return { trace, outputs: { tokens: visualTokens(createScope(trace).child("encoder"), config, mapPixels(pixels)) } };
  },
  decoder(config) {
    const trace = createTrace();
    const side = codesPerSide(config);
    const tokens = batchInput(trace, "tokens", [-1, side, side], "int64");
    const decoded = decodeTokens(createScope(trace).child("decoder"), config, tokens);
    return { trace, outputs: { pixels: unmapPixels(reconstruction(decoded)) } };
  },
};

/** Names and shapes of the parameters of one half or both, in the order of the forward pass. */
export function dvaeShapes(
  config: DvaeConfig,
  parts: readonly DvaePart[] = ["encoder", "decoder"],
): Map<string, { shape: readonly number[] }> {
  const found = parts.flatMap((part) => [...tracePart[part](config).trace.parameters]);
  return new Map(found.map(([name, { shape }]) => [name, { shape }]));
}

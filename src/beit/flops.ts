import { type BeitConfig, windowOf } from "./config.ts";

/**
 * Multiply-accumulates of one forward pass of one image: all matrix products, nothing else. A training step costs three
 * times as much.
 * @param patchesPerCell patches looked at of each 2 × 2 cell, as a training step may do
 */
export function forwardMacs(config: BeitConfig, imageSize = config.imageSize, patchesPerCell = 4): number {
  const { hiddenSize: D, intermediateSize: I, numLayers, numChannels, patchSize } = config;
  const [rows, columns] = windowOf(config, imageSize);
  const P = (rows * columns * patchesPerCell) / 4;
  const N = P + 1;
  const layer = N * (4 * D * D + 2 * D * I) + 2 * N * N * D;
  return numLayers * layer + P * numChannels * patchSize ** 2 * D + D * config.labels.length;
}

import { movedByMuon } from "./muon.ts";

/** What the optimizer does with one parameter. */
export interface ParameterGroup {
  /** Multiplies the scheduled learning rate; 1 at the head. */
  readonly lrScale: number;
  /** Decoupled weight decay; 0 where the tradition has none. */
  readonly weightDecay: number;
  /** Moved by Muon; by AdamW when absent. */
  readonly muon?: true;
}

/** How parameters are told apart. */
export interface GroupOptions {
  /**
   * Who decays what. `"beit"`: nothing of 1-D parameters, biases, the cls token and absolute positions; mask token and
   * relative position tables do decay. `"huggingface"`: all but LayerNorms and names containing "bias", so tables do
   * not decay while cls token, absolute positions and layer scale do.
   */
  readonly tradition: "beit" | "huggingface";
  /** Decay of the parameters that have any. */
  readonly weightDecay: number;
  /** Factor on the learning rate from one layer to the one below; 1 by default. */
  readonly layerDecay?: number;
  /** Blocks in the encoder; needed for ids when `layerDecay` is not 1. */
  readonly numLayers: number;
  /** Whether `"beit"` decays relative position tables; true by default, as in the recipes. */
  readonly decayRelativePositionBias?: boolean;
  /** Whether the weight matrices of the blocks are Muon's; false by default. */
  readonly muon?: boolean;
  /** Parameters for which this is false get no group: frozen, or without gradient. AdamW then never touches them. */
  readonly trainable?: (name: string) => boolean;
}

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * Depth of a parameter: 0 for embeddings, i + 1 for block i, `numLayers + 1` for everything else, the shared
 * relative position table included.
 * @see microsoft/unilm beit/optim_factory.py get_num_layer_for_vit
 */
export function layerId(name: string, numLayers: number): number {
  if (/^(\w+\.)?embeddings\./.test(name)) return 0;
  const block = /^(?:\w+\.)?encoder\.layer\.(\d+)\./.exec(name);
  return block ? Number(block[1]) + 1 : numLayers + 1;
}

function decaysInBeit(name: string, shape: readonly number[], tables: boolean): boolean {
  if (shape.length === 1 || name.endsWith(".bias")) return false;
  if (/embeddings\.(cls_token|position_embeddings)$/.test(name)) return false;
  return tables || !name.endsWith("relative_position_bias_table");
}

function decaysInHuggingFace(name: string): boolean {
  return !name.includes("bias") && !/layernorm/.test(name);
}

/**
 * Decay and learning-rate scale of every trainable parameter, by its Hugging Face name.
 * @see microsoft/unilm beit/optim_factory.py get_parameter_groups, LayerDecayValueAssigner; transformers
 * Trainer.create_optimizer
 */
export function parameterGroups(parameters: Shapes, options: GroupOptions): Map<string, ParameterGroup> {
  const { tradition, weightDecay, layerDecay = 1, numLayers, decayRelativePositionBias = true } = options;
  const groups = new Map<string, ParameterGroup>();
  for (const [name, { shape }] of parameters) {
    if (options.trainable && !options.trainable(name)) continue;
    const decays =
      tradition === "beit" ? decaysInBeit(name, shape, decayRelativePositionBias) : decaysInHuggingFace(name);
    const lrScale = layerDecay ** (numLayers + 1 - layerId(name, numLayers));
    const muon = options.muon && movedByMuon(name, shape);
    groups.set(name, { lrScale, weightDecay: decays ? weightDecay : 0, ...(muon ? { muon } : {}) });
  }
  return groups;
}

import { lower } from "../graph/lower.ts";
import { input } from "../graph/value.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import { accumulateMomentum, muonStep, orthogonalize } from "../optim/muon.ts";
import { type UpdateOptions, updateParameters } from "../optim/update.ts";
import type { EngineSession } from "../platform/engine.ts";
import { compile } from "../session/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Live } from "./state.ts";

type Gradients = ReadonlyMap<string, { readonly data: Float32Array }>;

/** Moves the parameters of a run. */
export interface Updater {
  /** One optimizer step in place, on parameters and moments. */
  update(gradients: Gradients, options: UpdateOptions): Promise<void>;
  close(): Promise<void>;
}

/** Parameters of one shape, which are orthogonalised together, and the matrices [n, r, c] to be. */
interface Stack {
  readonly shape: readonly number[];
  readonly names: readonly string[];
  readonly matrices: Tensor<"float32">;
}

function stacksOf(parameters: Live["parameters"], groups: ReadonlyMap<string, ParameterGroup>): Stack[] {
  const byShape = new Map<string, string[]>();
  for (const [name, { muon }] of groups) {
    const key = `${parameters.get(name)?.shape}`;
    if (muon) byShape.set(key, [...(byShape.get(key) ?? []), name]);
  }
  return [...byShape.values()].map((names) => {
    const { shape } = parameters.get(names[0]!)!;
    const matrices = float32(new Float32Array(names.length * sizeOf(shape)), [names.length, ...shape]);
    return { shape, names, matrices };
  });
}

/** Compiles what the groups of a run need: nothing for AdamW, the orthogonalisation for Muon. */
export async function createUpdater(
  { parameters, moments }: Pick<Live, "parameters" | "moments">,
  groups: ReadonlyMap<string, ParameterGroup>,
  options: { readonly threads: number },
): Promise<Updater> {
  const stacks = stacksOf(parameters, groups);
  const session: EngineSession | undefined = stacks.length
    ? await compile(
        lower(
          Object.fromEntries(
            stacks.map(({ matrices }, i) => [`direction.${i}`, orthogonalize(input(`${i}`, matrices.shape, "batch"))]),
          ),
        ),
        options,
      )
    : undefined;

  const moveByMuon = async (engine: EngineSession, gradients: Gradients, { lr, gradScale = 1 }: UpdateOptions) => {
    for (const { names, shape, matrices } of stacks) {
      const size = sizeOf(shape);
      for (const [i, name] of names.entries()) {
        const ahead = matrices.data.subarray(i * size, (i + 1) * size);
        accumulateMomentum(gradients.get(name)!.data, moments.get(name)!.m, ahead, gradScale);
      }
    }
    const directions = await engine.run(Object.fromEntries(stacks.map(({ matrices }, i) => [`${i}`, matrices])));
    for (const [s, { names, shape }] of stacks.entries()) {
      const size = sizeOf(shape);
      const stacked = directions[`direction.${s}`]!.data as Float32Array;
      for (const [i, name] of names.entries()) {
        const { lrScale, weightDecay } = groups.get(name)!;
        const direction = stacked.subarray(i * size, (i + 1) * size);
        muonStep(parameters.get(name)!.data, direction, shape, { lr: lr * lrScale, weightDecay });
      }
    }
  };

  return {
    async update(gradients, step) {
      updateParameters({ parameters, gradients, moments, groups }, step);
      if (session) await moveByMuon(session, gradients, step);
    },
    close: async () => session?.release(),
  };
}

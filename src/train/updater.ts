import { lower } from "../graph/lower.ts";
import { input } from "../graph/value.ts";
import { globalNorm } from "../optim/clip.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import { accumulateMomentum, muonStep, orthogonalize } from "../optim/muon.ts";
import { divide, type Part, type PartRequest, workOn } from "../optim/part.ts";
import type { UpdateOptions } from "../optim/update.ts";
import type { EngineSession } from "../platform/engine.ts";
import { startWorkers } from "../platform/threads.ts";
import { compile } from "../session/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Live } from "./state.ts";
import type { UpdateRequest } from "./update-worker.ts";

type Gradients = ReadonlyMap<string, { readonly data: Float32Array }>;

/** Moves the parameters of a run. */
export interface Updater {
  /** Adds up the gradients of all workers, in place of the first one's; resolves to the norm of them all. */
  addUp(): Promise<number>;
  /** One optimizer step in place, on parameters and moments, and on the average where a decay is given. */
  update(options: UpdateOptions, emaDecay?: number | null): Promise<void>;
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

/**
 * Cuts the step into parts, one of them for this thread; with more than one, all arrays must lie in shared memory. Muon's
 * directions are computed by a graph, on all threads.
 * @param gradients of each worker
 */
export async function createUpdater(
  { parameters, moments, average }: Pick<Live, "parameters" | "moments" | "average">,
  groups: ReadonlyMap<string, ParameterGroup>,
  [gradients, ...others]: readonly [Gradients, ...Gradients[]],
  { threads, parts }: { readonly threads: number; readonly parts: number },
): Promise<Updater> {
  const whole = { parameters, gradients, others, moments, groups, average };
  const [own, ...rest] = divide(whole, parts) as [Part, ...Part[]];
  const stacks = stacksOf(parameters, groups);
  const session = stacks.length ? await compileDirections(stacks, threads) : undefined;
  const helpers = rest.length
    ? await startWorkers<UpdateRequest, Map<string, number>>("train/update-worker", rest.length, rest)
    : undefined;

  const everywhere = (request: PartRequest) =>
    Promise.all([
      ...rest.map((_, part) => helpers!.request(part, { part, ...request })),
      (async () => workOn(own, request))(),
    ]);

  const moveByMuon = async (engine: EngineSession, { lr, gradScale = 1 }: UpdateOptions) => {
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
    async addUp() {
      const squares = new Map((await everywhere({ kind: "add" })).flatMap((part) => [...part]));
      return globalNorm([...gradients.keys()].map((name) => squares.get(name)!)); // in one order, whatever the parts
    },
    async update(options, emaDecay = null) {
      if (session) await moveByMuon(session, options);
      await everywhere({ kind: "move", options, emaDecay });
    },
    async close() {
      await helpers?.idle();
      await helpers?.close();
      await session?.release();
    },
  };
}

const compileDirections = (stacks: readonly Stack[], threads: number): Promise<EngineSession> =>
  compile(
    lower(
      Object.fromEntries(
        stacks.map(({ matrices }, i) => [`direction.${i}`, orthogonalize(input(`${i}`, matrices.shape, "batch"))]),
      ),
    ),
    { threads },
  );

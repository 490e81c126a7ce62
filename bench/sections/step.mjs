// The complete training and pre-training step: pictures a second, share of the ceiling, phases; PyTorch's where it is there.
import { forwardMacs } from "../../dist/beit/flops.js";
import { interleave, startContender } from "../contender.mjs";
import { configOf } from "../graphs.mjs";
import { torchAbsence } from "../peers.mjs";
import { median, pairedRatios, summary } from "../statistics.mjs";
import { layoutText, startProduct } from "./gemm.mjs";

/** Layouts and micro-batches as `beit train` and `beit pretrain` choose them; a step of base takes so long that few rounds must do. */
const casesOf = ({ cores, rounds }) => {
  const tiny = { preset: "tiny", microBatch: 4, workers: cores, threads: 1, rounds, floor: 0.7 };
  const base = { preset: "base", microBatch: 8, workers: 1, threads: cores, rounds: Math.min(rounds, 3), floor: 0.8 };
  return [
    { ...tiny, batch: 32, peerFloor: 1.6 },
    { ...tiny, batch: 32, masked: true, floor: 0.6 },
    { ...base, batch: 16, peerFloor: 1.7 },
    { ...base, batch: 32 },
  ];
};

function phasesText(answers) {
  const names = Object.keys(answers[0].phases);
  const ms = (phase) => median(answers.map(({ phases }) => phases[phase]));
  return names.map((phase) => `${phase.replace(/Ms$/, "")} ${ms(phase).toFixed(0)}`).join(", ");
}

async function startAll({ preset, batch, peerFloor, floor: _, rounds: __, ...options }, context) {
  const step = await startContender(`${preset} step`, {
    workload: "step",
    preset,
    batch,
    folder: context.pictures,
    ...options,
  });
  const entries = [await startProduct(context.ceilings.plain), { contender: step, work: batch }];
  if (options.masked) return { entries };
  entries.push({ contender: step, mode: "data", work: batch, stretch: 4 }); // the first batch is not read ahead
  const absence = peerFloor ? torchAbsence() : undefined;
  const torch =
    !peerFloor || absence
      ? undefined
      : await startContender(`${preset} PyTorch step`, { workload: "torch", preset, batch, threads: context.cores });
  if (torch) entries.push({ contender: torch, work: batch });
  return { entries, torch, absence };
}

function rowsOf({ preset, batch, workers, threads, microBatch, floor, peerFloor }, { torch, absence }, results) {
  const [ceiling, step, data, peer] = results;
  const flops = 6 * forwardMacs(configOf(preset));
  const common = { layout: layoutText({ lanes: workers, threads }), unit: "images/s" };
  const name = `${preset}, batch ${batch}`;
  const row = (what, { rates, cores, answers }, least) => ({
    ...common,
    what: `${name} (${batch / microBatch} x ${microBatch}): ${what}`,
    rate: summary(rates),
    against: "plain product",
    ratio: summary(
      pairedRatios(
        rates.map((rate) => rate * flops),
        ceiling.rates,
      ),
    ),
    floor: least,
    cores,
    note: `ms a step: ${phasesText(answers)}`,
  });
  if (!data) return [row("pre-training step, pictures and visual tokens at hand", step, floor)];
  const rows = [row("training step, pixels at hand", step, floor), row("training step, from JPEG files", data)];
  if (absence) return [...rows, { ...common, what: `${name}: PyTorch left out, ${absence}` }];
  if (!torch) return rows;
  const { torch: version, blas, threads: torchThreads } = torch.facts;
  rows.push({
    ...common,
    layout: layoutText({ lanes: 1, threads: torchThreads }),
    what: `${name}: training step of PyTorch ${version}, eager`,
    rate: summary(peer.rates),
    note: `BLAS ${blas.map((path) => path.split("/").slice(-2).join("/")).join(", ")}; not current PyTorch with MKL`,
  });
  rows.push({
    ...common,
    what: `${name}: ours / PyTorch ${version}`,
    against: "PyTorch",
    ratio: summary(pairedRatios(step.rates, peer.rates)),
    floor: peerFloor,
  });
  return rows;
}

export async function step(context) {
  const rows = [];
  for (const options of casesOf(context)) {
    const started = await startAll(options, context);
    const results = await interleave(started.entries, { ...context, rounds: options.rounds });
    for (const { contender } of started.entries) await contender.close();
    rows.push(...rowsOf(options, started, results));
  }
  return rows;
}

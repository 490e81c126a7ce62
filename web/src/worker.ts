import { openPrepared, type PreparedModel, useRuntime } from "beit";
import gpuWasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { createDownloader } from "./download.ts";
import type { Answer, DeviceReport, DeviceWish, PageImage, Question } from "./protocol.ts";

// The model at work, away from the page. Its first message is the address of the site; questions follow.

const say = (answer: Answer, transfer: Transferable[] = []) => self.postMessage(answer, { transfer });

// One grey pixel. Answering it loads all that answers need, so that none of them asks the network for anything.
const GREY_JPEG =
  "/9j/2wBDABAQEBAREBIUFBIZGxgbGSUiHx8iJTgoKygrKDhVNT41NT41VUtbSkVKW0uHal5eaoecg3yDnL2pqb3u4u7/////2wBD" +
  "ARAQEBAREBIUFBIZGxgbGSUiHx8iJTgoKygrKDhVNT41NT41VUtbSkVKW0uHal5eaoecg3yDnL2pqb3u4u7/////wgARCAABAAED" +
  "ASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQBAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhADEAAAAAP/xAAUEAEA" +
  "AAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/AH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AH//xAAUEQEAAAAAAAAAAAAA" +
  "AAAAAAAA/9oACAEDAQE/AH//2Q==";

const grey = Uint8Array.from(atob(GREY_JPEG), (character) => character.charCodeAt(0));

/** What answers: the model on the processor, and on the graphics card once that was asked for. */
interface Models {
  readonly processor: PreparedModel;
  readonly openGraphicsCard: (onRemark: (text: string) => void) => Promise<PreparedModel>;
  graphicsCard?: { readonly model: PreparedModel; readonly milliseconds: DeviceReport["milliseconds"] } | undefined;
  device: DeviceReport["device"];
}

async function load(root: string): Promise<Models> {
  const { read } = await createDownloader(root, (received, total) => say({ kind: "progress", received, total }));
  const runtime = (url: string) => read(new URL(url, self.location.href).href.slice(root.length));
  const wasm = runtime(wasmUrl);
  const fileOfModel = (file: string) => read(`model/${file}`);
  const model = openPrepared(async (file) => {
    useRuntime({ wasm: (await wasm).buffer });
    return fileOfModel(file);
  });
  const { about, labels, card, classify } = await model;
  await classify(grey);
  const threads = Math.min(4, crossOriginIsolated ? navigator.hardwareConcurrency : 1);
  say({ kind: "ready", model: { ...about, labels, card, threads, graphicsCard: await offersGraphicsCard() } });
  return {
    processor: await model,
    device: "processor",
    async openGraphicsCard(onRemark) {
      useRuntime({ gpuWasm: (await runtime(gpuWasmUrl)).buffer });
      return openPrepared(fileOfModel, { device: "auto", onRemark });
    },
  };
}

async function offersGraphicsCard(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return Boolean(await gpu?.requestAdapter().catch(() => null));
}

/** Goes over to a device; the first time to the graphics card only if it works and is faster. */
async function changeDevice(models: Models, device: DeviceReport["device"]): Promise<DeviceReport> {
  if (device === "graphics card" && !models.graphicsCard) return tryGraphicsCard(models);
  models.device = device;
  return { device, milliseconds: models.graphicsCard?.milliseconds };
}

async function tryGraphicsCard(models: Models): Promise<DeviceReport> {
  let fault: string | undefined;
  const model = await models.openGraphicsCard((remark) => {
    fault = remark;
    if (!models.graphicsCard) return;
    [models.graphicsCard, models.device] = [undefined, "processor"]; // it failed at work: the answer at hand still comes
    say({ kind: "device", report: { device: "processor", remark } });
  });
  await timed(model); // compiles what it runs
  const milliseconds = { processor: await timed(models.processor), graphicsCard: await timed(model) };
  if (fault !== undefined) {
    await model.close();
    return { device: "processor", remark: fault };
  }
  models.graphicsCard = { model, milliseconds };
  models.device = milliseconds.graphicsCard < milliseconds.processor ? "graphics card" : "processor";
  return { device: models.device, milliseconds };
}

async function timed(model: PreparedModel): Promise<number> {
  const start = performance.now();
  await model.classify(grey);
  return performance.now() - start;
}

async function answer(models: Models, question: Question): Promise<void> {
  const { id, kind, image } = question;
  try {
    if (kind === "classify") {
      const start = performance.now();
      const { device, graphicsCard, processor } = models;
      const scores = await (device === "graphics card" ? graphicsCard!.model : processor).classify(image);
      say({ kind: "scores", id, scores, milliseconds: performance.now() - start });
    } else {
      const { label, overlay } = await models.processor.explain(image, question.label);
      const bitmap = await toBitmap(overlay);
      say({ kind: "heat", id, heat: { label, overlay: bitmap } }, [bitmap]);
    }
  } catch (error) {
    say({ kind: "error", id, message: error instanceof Error ? error.message : String(error) });
  } finally {
    close(image);
  }
}

const close = (image: PageImage) => {
  if (image instanceof ImageBitmap) image.close();
};

function toBitmap({ width, height, data }: { width: number; height: number; data: Uint8Array }): Promise<ImageBitmap> {
  const pixels = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from]!;
    pixels.data[to + 1] = data[from + 1]!;
    pixels.data[to + 2] = data[from + 2]!;
    pixels.data[to + 3] = 255;
  }
  return createImageBitmap(pixels);
}

let models: Promise<Models>;
let last: Promise<unknown> = Promise.resolve(); // one thing after the other: each uses all threads
const then = (act: (models: Models) => Promise<void>) => {
  last = last.then(async () => act(await models)).catch(() => undefined);
};

self.onmessage = ({ data }: MessageEvent<string | Question | DeviceWish>) => {
  if (typeof data === "string") {
    models = load(data);
    models.catch((error: Error) => say({ kind: "failed", message: error.message }));
  } else if (data.kind === "device") {
    then(async (all) => {
      const failed = ({ message }: Error): DeviceReport => ({ device: "processor", remark: message });
      say({ kind: "device", report: await changeDevice(all, data.device).catch(failed) });
    });
  } else then((all) => answer(all, data));
};

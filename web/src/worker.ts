import { openPrepared, type PreparedModel, useRuntime } from "beit";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { createDownloader } from "./download.ts";
import type { Answer, PageImage, Question } from "./protocol.ts";

// The model at work, away from the page. Its first message is the address of the site; questions follow.

const say = (answer: Answer, transfer: Transferable[] = []) => self.postMessage(answer, { transfer });

// One grey pixel. Answering it loads all that answers need, so that none of them asks the network for anything.
const GREY_JPEG =
  "/9j/2wBDABAQEBAREBIUFBIZGxgbGSUiHx8iJTgoKygrKDhVNT41NT41VUtbSkVKW0uHal5eaoecg3yDnL2pqb3u4u7/////2wBD" +
  "ARAQEBAREBIUFBIZGxgbGSUiHx8iJTgoKygrKDhVNT41NT41VUtbSkVKW0uHal5eaoecg3yDnL2pqb3u4u7/////wgARCAABAAED" +
  "ASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQBAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhADEAAAAAP/xAAUEAEA" +
  "AAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/AH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AH//xAAUEQEAAAAAAAAAAAAA" +
  "AAAAAAAA/9oACAEDAQE/AH//2Q==";

async function load(root: string): Promise<PreparedModel> {
  const { read } = await createDownloader(root, (received, total) => say({ kind: "progress", received, total }));
  const runtime = new URL(wasmUrl, self.location.href).href.slice(root.length);
  const wasm = read(runtime);
  const model = openPrepared(async (file) => {
    useRuntime({ wasm: (await wasm).buffer });
    return read(`model/${file}`);
  });
  const { about, labels, card, classify } = await model;
  await classify(Uint8Array.from(atob(GREY_JPEG), (character) => character.charCodeAt(0)));
  const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  say({ kind: "ready", model: { ...about, labels, card, threads: Math.min(4, threads) } });
  return model;
}

async function answer(model: PreparedModel, question: Question): Promise<void> {
  const { id, kind, image } = question;
  try {
    if (kind === "classify") {
      const start = performance.now();
      const scores = await model.classify(image);
      say({ kind: "scores", id, scores, milliseconds: performance.now() - start });
    } else {
      const { label, overlay } = await model.explain(image, question.label);
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

let model: Promise<PreparedModel>;
let last: Promise<unknown> = Promise.resolve(); // one question after the other: each uses all threads

self.onmessage = ({ data }: MessageEvent<string | Question>) => {
  if (typeof data === "string") {
    model = load(data);
    model.catch((error: Error) => say({ kind: "failed", message: error.message }));
    return;
  }
  last = last.then(async () => answer(await model, data)).catch(() => undefined);
};

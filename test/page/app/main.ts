// What a user of the package writes; the tests call these functions from outside.
import { pipeline } from "beit";
import { decodeImage } from "../../../dist/platform/browser/decode.js";

type Classify = Awaited<ReturnType<typeof pipeline>>;

/** Digest of a picture's decoded pixels, in hexadecimal. */
async function pixelsDigest(url: string): Promise<string> {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { width, height, data } = await decodeImage(bytes, url);
  const hash = await crypto.subtle.digest("SHA-256", Uint8Array.from(data));
  return `${width}x${height} ${Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The same picture in every form that a browser has for it, with its answers. */
async function everyForm(classify: Classify, url: string) {
  const blob = await (await fetch(url)).blob();
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
  offscreen.getContext("2d")!.drawImage(bitmap, 0, 0);
  const forms = {
    url,
    blob,
    file: new File([blob], "a.png"),
    bytes: new Uint8Array(await blob.arrayBuffer()),
    bitmap,
    canvas,
    offscreen,
    imageData: context.getImageData(0, 0, bitmap.width, bitmap.height),
    frame: new VideoFrame(canvas, { timestamp: 0 }),
  };
  const names = Object.keys(forms);
  const answers = await classify(Object.values(forms));
  forms.frame.close();
  return Object.fromEntries(names.map((name, i) => [name, answers[i]!]));
}

const api = { pipeline, pixelsDigest, everyForm };
export type Api = typeof api;
Object.assign(globalThis, { api });

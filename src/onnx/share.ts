import { decodeModel } from "./decode.ts";
import type { ModelProto, TensorProto } from "./schema.ts";

const LEAST_BYTES = 1024; // smaller ones are not worth a reference

/** A file whose weights another model may refer to. */
export interface SharedFile {
  /** Its name beside the model that refers to it. */
  readonly location: string;
  readonly bytes: Uint8Array;
  /** Its initializers; `raw` are views of `bytes`. */
  readonly initializers: readonly TensorProto[];
}

/** Opens an ONNX file for sharing. @throws BeitError `onnx/damaged`, `onnx/unsupported` */
export function sharedFile(bytes: Uint8Array, location: string): SharedFile {
  return { location, bytes, initializers: decodeModel(bytes, location).graph.initializers };
}

const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The model with references in place of the weights that the file has too, byte for byte. */
export function shareWeights(model: ModelProto, { location, bytes, initializers: present }: SharedFile): ModelProto {
  const initializers = model.graph.initializers.map((tensor) => {
    if (tensor.raw.length < LEAST_BYTES) return tensor;
    const found = present.find(({ raw }) => sameBytes(raw, tensor.raw));
    return found ? { ...tensor, external: { location, offset: found.raw.byteOffset - bytes.byteOffset } } : tensor;
  });
  return { ...model, graph: { ...model.graph, initializers } };
}

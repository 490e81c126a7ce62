import { PbfReader } from "pbf";
import { onnxTypes } from "../graph/elementwise.ts";
import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DType } from "../tensor/tensor.ts";
import {
  type AttributeProto,
  attributeTypes,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfo,
} from "./schema.ts";

// The mirror image of encode.ts. The bytes are not trusted: every embedded message is read by a reader of its own that
// ends where the message ends, every value has the wire type that its field needs, and sizes must agree.

const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

const damaged = (message: string) => new BeitError("onnx/damaged", message);
const unsupported = (message: string) => new BeitError("onnx/unsupported", message);

function expectWire(pbf: PbfReader, wire: number, what: string): void {
  if (pbf.type !== wire) throw damaged(`${what}: expected wire type ${wire}, got ${pbf.type}`);
}

/** A length-delimited value: a view, never a copy. */
function bytes(pbf: PbfReader, what: string): Uint8Array {
  expectWire(pbf, BYTES, what);
  const size = pbf.readVarint();
  const left = pbf.length - pbf.pos;
  if (size > left) throw damaged(`${what}: expected ${size} bytes, ${Math.max(0, left)} are left`);
  const start = pbf.pos;
  pbf.pos += size;
  return pbf.buf.subarray(start, pbf.pos);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const text = (pbf: PbfReader, what: string) => utf8.decode(bytes(pbf, what));

function safe(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) throw unsupported(`${what}: ${value} is beyond 2^53`);
  return value;
}

function integer(pbf: PbfReader, what: string): number {
  expectWire(pbf, VARINT, what);
  return safe(pbf.readVarint(true), what);
}

function float(pbf: PbfReader, what: string): number {
  expectWire(pbf, FIXED32, what);
  return pbf.readFloat();
}

/** Appends one integer, or a packed list of them. */
function pushIntegers(pbf: PbfReader, into: number[], what: string): void {
  if (pbf.type === VARINT) {
    into.push(integer(pbf, what));
    return;
  }
  const packed = new PbfReader(bytes(pbf, what));
  while (packed.pos < packed.length) into.push(safe(packed.readVarint(true), what));
}

type Fields = Readonly<Record<number, (pbf: PbfReader) => void>>;

/** Reads a whole message; fields without a reader are skipped. */
function readMessage(data: Uint8Array, what: string, fields: Fields): void {
  const pbf = new PbfReader(data);
  pbf.readFields((tag, _, reader) => fields[tag]?.(reader), undefined);
  if (pbf.pos !== pbf.length) throw damaged(`${what}: ends at byte ${pbf.pos} of ${pbf.length}`);
}

const refuse = (what: string) => () => {
  throw unsupported(`${what} are not supported`);
};

function dtypeOf(code: number, what: string): DType {
  const found = (Object.keys(onnxTypes) as DType[]).find((name) => onnxTypes[name] === code);
  if (!found) throw unsupported(`${what}: element type ${code} is not supported`);
  return found;
}

function readAttribute(data: Uint8Array, node: string): AttributeProto {
  let name = "";
  let type = 0;
  const values = { float: 0, int: 0, string: "", ints: [] as number[] };
  const what = `${node}: attribute`;
  readMessage(data, what, {
    1: (pbf) => {
      name = text(pbf, what);
    },
    2: (pbf) => {
      values.float = float(pbf, what);
    },
    3: (pbf) => {
      values.int = integer(pbf, what);
    },
    4: (pbf) => {
      values.string = text(pbf, what);
    },
    8: (pbf) => pushIntegers(pbf, values.ints, what),
    20: (pbf) => {
      type = integer(pbf, what);
    },
  });
  const known = Object.entries(attributeTypes).find(([, number]) => number === type)?.[0] as
    | keyof typeof values
    | undefined;
  if (!known) throw unsupported(`${what} ${name}: type ${type} is not supported`);
  return { name, type: known, value: values[known] };
}

function readNode(data: Uint8Array): NodeProto {
  const node = { opType: "", domain: "", inputs: [] as string[], outputs: [] as string[] };
  const attributes: Uint8Array[] = [];
  readMessage(data, "node", {
    1: (pbf) => node.inputs.push(text(pbf, "node input")),
    2: (pbf) => node.outputs.push(text(pbf, "node output")),
    4: (pbf) => {
      node.opType = text(pbf, "node");
    },
    5: (pbf) => attributes.push(bytes(pbf, "node attribute")),
    7: (pbf) => {
      node.domain = text(pbf, "node domain");
    },
  });
  return { ...node, attributes: attributes.map((attribute) => readAttribute(attribute, node.opType)) };
}

function readTensor(data: Uint8Array): TensorProto {
  let name = "";
  let code = 0;
  let raw: Uint8Array | undefined;
  const dims: number[] = [];
  readMessage(data, "tensor", {
    1: (pbf) => pushIntegers(pbf, dims, "tensor dims"),
    2: (pbf) => {
      code = integer(pbf, "tensor type");
    },
    8: (pbf) => {
      name = text(pbf, "tensor name");
    },
    9: (pbf) => {
      raw = bytes(pbf, "tensor data");
    },
    13: refuse("tensors in external files"),
  });
  const what = `tensor ${name} [${dims}]`;
  const dtype = dtypeOf(code, what);
  const expected = dims.reduce((a, b) => a * b, bytesOf[dtype]);
  if (dims.some((d) => d < 0)) throw damaged(`${what}: a dimension is negative`);
  if (!raw && expected) throw unsupported(`${what}: expected raw data`);
  const size = raw?.byteLength ?? 0;
  if (size !== expected) throw damaged(`${what}: expected ${expected} bytes of ${dtype}, got ${size}`);
  return { name, dtype, dims, raw: raw ?? new Uint8Array() };
}

function readDimension(data: Uint8Array, what: string): number | string {
  let dim: number | string | undefined;
  readMessage(data, what, {
    1: (pbf) => {
      dim = integer(pbf, what);
    },
    2: (pbf) => {
      dim = text(pbf, what);
    },
  });
  return dim ?? ""; // a dimension of which nothing is said
}

function readTensorType(data: Uint8Array, what: string): Omit<ValueInfo, "name"> {
  let code = 0;
  let shape: Uint8Array | undefined;
  const dims: (number | string)[] = [];
  readMessage(data, what, {
    1: (pbf) => {
      code = integer(pbf, what);
    },
    2: (pbf) => {
      shape = bytes(pbf, what);
    },
  });
  if (!shape) throw unsupported(`${what}: a tensor of unknown rank`);
  readMessage(shape, what, { 1: (pbf) => dims.push(readDimension(bytes(pbf, what), what)) });
  return { dtype: dtypeOf(code, what), dims };
}

function readValueInfo(data: Uint8Array): ValueInfo {
  let name = "";
  let type: Uint8Array | undefined;
  let tensor: Uint8Array | undefined;
  readMessage(data, "graph value", {
    1: (pbf) => {
      name = text(pbf, "graph value");
    },
    2: (pbf) => {
      type = bytes(pbf, "graph value");
    },
  });
  const what = `graph value ${name}`;
  if (type) {
    readMessage(type, what, {
      1: (pbf) => {
        tensor = bytes(pbf, what);
      },
    });
  }
  if (!tensor) throw unsupported(`${what}: expected a tensor type`);
  return { name, ...readTensorType(tensor, what) };
}

function readGraph(data: Uint8Array): GraphProto {
  let name = "";
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  readMessage(data, "graph", {
    1: (pbf) => nodes.push(readNode(bytes(pbf, "node"))),
    2: (pbf) => {
      name = text(pbf, "graph name");
    },
    5: (pbf) => initializers.push(readTensor(bytes(pbf, "initializer"))),
    11: (pbf) => inputs.push(readValueInfo(bytes(pbf, "graph input"))),
    12: (pbf) => outputs.push(readValueInfo(bytes(pbf, "graph output"))),
    15: refuse("sparse initializers"),
  });
  return { name, nodes, initializers, inputs, outputs };
}

function readOpset(data: Uint8Array): { domain: string; version: number } {
  const opset = { domain: "", version: 0 };
  readMessage(data, "opset", {
    1: (pbf) => {
      opset.domain = text(pbf, "opset");
    },
    2: (pbf) => {
      opset.version = integer(pbf, "opset");
    },
  });
  return opset;
}

function readEntry(data: Uint8Array): [string, string] {
  const entry: [string, string] = ["", ""];
  readMessage(data, "metadata", {
    1: (pbf) => {
      entry[0] = text(pbf, "metadata");
    },
    2: (pbf) => {
      entry[1] = text(pbf, "metadata");
    },
  });
  return entry;
}

function readModel(data: Uint8Array): ModelProto {
  const model = { irVersion: 0, producerName: "" };
  const opsets: { domain: string; version: number }[] = [];
  const metadata: [string, string][] = [];
  let graph: Uint8Array | undefined;
  readMessage(data, "model", {
    1: (pbf) => {
      model.irVersion = integer(pbf, "IR version");
    },
    2: (pbf) => {
      model.producerName = text(pbf, "producer");
    },
    7: (pbf) => {
      graph = bytes(pbf, "graph");
    },
    8: (pbf) => opsets.push(readOpset(bytes(pbf, "opset"))),
    14: (pbf) => metadata.push(readEntry(bytes(pbf, "metadata"))),
    25: refuse("model-local functions"),
  });
  if (!graph) throw damaged("no graph");
  return { ...model, opsets, metadata: Object.fromEntries(metadata), graph: readGraph(graph) };
}

/**
 * An ONNX model from its bytes; weights are views of them. Attributes may be float, int, string and ints, tensors must
 * have raw data and a type that {@link onnxTypes} knows: what encode.ts writes.
 * @param name the file, for messages
 * @throws BeitError `onnx/damaged` when the bytes are not a whole ONNX model, `onnx/unsupported` when they are one that
 * uses more than the above
 */
export function decodeModel(data: Uint8Array, name: string): ModelProto {
  try {
    return readModel(data);
  } catch (error) {
    const code = error instanceof BeitError ? error.code : "onnx/damaged"; // pbf and TextDecoder have errors of their own
    throw new BeitError(code, `${name}: not a readable ONNX model: ${(error as Error).message}`, { cause: error });
  }
}

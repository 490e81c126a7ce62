import { constantTensor, inputName, isConstant, isInput, type Node, type Op, type Value } from "../graph/value.ts";
import { nodesOf } from "../graph/walk.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfo } from "./schema.ts";

/** ONNX IR and operator set that are written: the oldest that has every op used (LayerNormalization 17, axes inputs 18). */
const IR_VERSION = 8; // ONNX 1.13, IR version of opset 18
const OPSET = 18;

/** Attributes that passes use and ONNX does not know. */
const ownAttributes = new Set(["centred"]);

const symbolic = (dims: readonly number[], count = "batch") =>
  dims.map((d) => (d >= 0 ? d : d === -1 ? count : `${-d}*${count}`));

const rawBytes = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function numberAttribute({ type, floats }: Op, name: string, value: number): AttributeProto {
  if (floats?.includes(name)) return { name, type: "float", value };
  if (!Number.isSafeInteger(value)) throw new TypeError(`${type}: attribute ${name} is ${value}, expected an integer`);
  return { name, type: "int", value };
}

function attributesOf({ op, attributes }: Node): AttributeProto[] {
  return Object.entries(attributes).flatMap(([name, value]): AttributeProto[] => {
    if (ownAttributes.has(name)) return [];
    if (typeof value === "string") return [{ name, type: "string", value }];
    if (typeof value === "number") return [numberAttribute(op, name, value)];
    return [{ name, type: "ints", value: value as readonly number[] }];
  });
}

/** A Reshape target may hold one multiple of the symbolic batch; ONNX writes it as −1. */
const targetTensor = (tensor: Tensor): Tensor => ({
  ...tensor,
  data: (tensor.data as BigInt64Array).map((d) => (d < 0n ? -1n : d)),
});

/**
 * A graph as an ONNX model: a transcription, node by node. Constants become initializers, inputs keep their names.
 * `weights` turns graph inputs into initializers with these values.
 */
export function toModel(
  outputs: Readonly<Record<string, Value>>,
  options: { name?: string; weights?: ReadonlyMap<string, Tensor>; metadata?: Record<string, string> } = {},
): ModelProto {
  const names = new Map<Value, string>();
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const inputs: ValueInfo[] = [];
  const domains = new Set([""]);
  const order = nodesOf(Object.values(outputs));
  const taken = new Set([
    ...Object.keys(outputs),
    ...order.flatMap(({ outputs: [v] }) => (isInput(v!) ? [inputName(v!)] : [])),
  ]);
  const fresh = (name: string): string => (taken.has(name) ? fresh(`_${name}`) : name);
  const addConstant = (known: Map<Value, string>, value: Value, tensor: Tensor): string => {
    const before = known.get(value);
    if (before) return before;
    const name = fresh(`c${initializers.length}`);
    known.set(value, name);
    initializers.push({ name, dtype: tensor.dtype, dims: tensor.shape, raw: rawBytes(tensor) });
    return name;
  };
  const targets = new Map<Value, string>();
  const nameOf = (value: Value, isTarget = false): string => {
    if (!isConstant(value)) return names.get(value)!;
    const tensor = constantTensor(value)!;
    return isTarget ? addConstant(targets, value, targetTensor(tensor)) : addConstant(names, value, tensor);
  };
  const addInput = (value: Value) => {
    const name = inputName(value);
    names.set(value, name);
    const weight = options.weights?.get(name);
    if (weight) initializers.push({ name, dtype: weight.dtype, dims: weight.shape, raw: rawBytes(weight) });
    else inputs.push({ name, dtype: value.dtype, dims: symbolic(value.shape, value.node.attributes.count as string) });
  };
  const outputNames = new Map<Value, string>();
  for (const [name, value] of Object.entries(outputs)) {
    if (!outputNames.has(value) && !isInput(value) && !isConstant(value)) outputNames.set(value, name);
  }
  for (const node of order) {
    const first = node.outputs[0]!;
    if (isInput(first)) addInput(first);
    else if (!isConstant(first)) {
      for (const output of node.outputs) names.set(output, outputNames.get(output) ?? fresh(`v${names.size}`));
      domains.add(node.op.domain ?? "");
      nodes.push({
        opType: node.op.type,
        domain: node.op.domain ?? "",
        inputs: node.inputs.map((value, i) => nameOf(value, node.op.type === "Reshape" && i === 1)),
        outputs: node.outputs.map((value) => names.get(value)!),
        attributes: attributesOf(node),
      });
    }
  }
  for (const [name, value] of Object.entries(outputs)) {
    if (outputNames.get(value) === name) continue;
    nodes.push({ opType: "Identity", domain: "", inputs: [nameOf(value)], outputs: [name], attributes: [] });
  }
  return {
    irVersion: IR_VERSION,
    producerName: "beit",
    opsets: [...domains].map((domain) => ({ domain, version: domain === "" ? OPSET : 1 })),
    metadata: options.metadata ?? {},
    graph: {
      name: options.name ?? "graph",
      nodes,
      initializers,
      inputs,
      outputs: Object.entries(outputs).map(([name, { dtype, shape }]) => ({ name, dtype, dims: symbolic(shape) })),
    },
  };
}

import { PbfWriter } from "pbf";
import { onnxTypes } from "../graph/elementwise.ts";
import {
  type AttributeProto,
  attributeTypes,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfo,
} from "./schema.ts";

const utf8 = new TextEncoder();

/** A string field. Not pbf's writeStringField, which as of 5.1.2 spoils characters from U+20000 on. */
const writeText = (pbf: PbfWriter, field: number, text: string) => pbf.writeBytesField(field, utf8.encode(text));

function writeAttribute({ name, type, value }: AttributeProto, pbf: PbfWriter): void {
  writeText(pbf, 1, name);
  if (type === "float") pbf.writeFloatField(2, value as number);
  else if (type === "int") pbf.writeVarintField(3, value as number);
  else if (type === "string") writeText(pbf, 4, value as string);
  else for (const integer of value as readonly number[]) pbf.writeVarintField(8, integer);
  pbf.writeVarintField(20, attributeTypes[type]);
}

function writeNode(node: NodeProto, pbf: PbfWriter): void {
  for (const name of node.inputs) writeText(pbf, 1, name);
  for (const name of node.outputs) writeText(pbf, 2, name);
  writeText(pbf, 4, node.opType);
  for (const attribute of node.attributes) pbf.writeMessage(5, writeAttribute, attribute);
  if (node.domain) writeText(pbf, 7, node.domain);
}

function writeDimension(dim: number | string, pbf: PbfWriter): void {
  if (typeof dim === "number") pbf.writeVarintField(1, dim);
  else writeText(pbf, 2, dim);
}

function writeShape(dims: ValueInfo["dims"], pbf: PbfWriter): void {
  for (const dim of dims) pbf.writeMessage(1, writeDimension, dim);
}

function writeTensorType({ dtype, dims }: ValueInfo, pbf: PbfWriter): void {
  pbf.writeVarintField(1, onnxTypes[dtype]);
  pbf.writeMessage(2, writeShape, dims);
}

function writeValueInfo(info: ValueInfo, pbf: PbfWriter): void {
  writeText(pbf, 1, info.name);
  pbf.writeMessage(2, (type: ValueInfo, p: PbfWriter) => p.writeMessage(1, writeTensorType, type), info);
}

function writeEntry([key, value]: readonly [string, string], pbf: PbfWriter): void {
  writeText(pbf, 1, key);
  writeText(pbf, 2, value);
}

const EXTERNAL = 1; // TensorProto.DataLocation

/** Everything of a TensorProto but its raw data, which follows as field 9 unless it is in another file. */
function tensorHead({ name, dtype, dims, raw, external }: TensorProto): Uint8Array {
  const pbf = new PbfWriter();
  for (const dim of dims) pbf.writeVarintField(1, dim);
  pbf.writeVarintField(2, onnxTypes[dtype]);
  writeText(pbf, 8, name);
  if (external) {
    const { location, offset } = external;
    const place = { location, offset: String(offset), length: String(raw.byteLength) };
    for (const entry of Object.entries(place)) pbf.writeMessage(13, writeEntry, entry);
    pbf.writeVarintField(14, EXTERNAL);
  } else {
    pbf.writeTag(9, 2);
    pbf.writeVarint(raw.byteLength);
  }
  return pbf.finish();
}

/** The tag and length that go before `size` bytes of an embedded message. */
function messageHead(field: number, size: number): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeTag(field, 2);
  pbf.writeVarint(size);
  return pbf.finish();
}

const sizeOfAll = (parts: readonly Uint8Array[]) => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);

/**
 * Bytes of an ONNX model, in parts: weights are passed through, never copied, so that writing a model costs no second
 * copy of it.
 */
export function encodeModelParts(model: ModelProto): Uint8Array[] {
  const { graph } = model;
  const head = new PbfWriter();
  head.writeVarintField(1, model.irVersion);
  writeText(head, 2, model.producerName);
  for (const opset of model.opsets) {
    head.writeMessage(
      8,
      (o: typeof opset, p: PbfWriter) => {
        writeText(p, 1, o.domain);
        p.writeVarintField(2, o.version);
      },
      opset,
    );
  }
  for (const entry of Object.entries(model.metadata)) head.writeMessage(14, writeEntry, entry);
  const body = new PbfWriter();
  for (const node of graph.nodes) body.writeMessage(1, writeNode, node);
  writeText(body, 2, graph.name);
  for (const info of graph.inputs) body.writeMessage(11, writeValueInfo, info);
  for (const info of graph.outputs) body.writeMessage(12, writeValueInfo, info);
  const initializers = graph.initializers.flatMap((tensor) => {
    const inner = [tensorHead(tensor), ...(tensor.external ? [] : [tensor.raw])];
    return [messageHead(5, sizeOfAll(inner)), ...inner];
  });
  const graphParts = [body.finish(), ...initializers];
  return [head.finish(), messageHead(7, sizeOfAll(graphParts)), ...graphParts];
}

/** Bytes of an ONNX model in one piece. */
export function encodeModel(model: ModelProto): Uint8Array {
  const parts = encodeModelParts(model);
  const bytes = new Uint8Array(sizeOfAll(parts));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

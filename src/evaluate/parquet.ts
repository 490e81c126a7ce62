import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { AtomicFile } from "../platform/files.ts";
import { nested } from "../tensor/tensor.ts";
import type { FeatureFile, FeatureTable } from "./feature-file.ts";

const GROUP_NUMBERS = 2 ** 18; // of a row group, and so what is held in memory

/** A list column of as many levels as a picture's features have axes. */
function listSchema(name: string, levels: number): SchemaElement[] {
  if (levels === 0) return [{ name, type: "FLOAT", repetition_type: "REQUIRED" }];
  return [
    { name, repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    ...listSchema("element", levels - 1),
  ];
}

const schemaOf = (levels: number): SchemaElement[] => [
  { name: "schema", num_children: 2 },
  { name: "file", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  ...listSchema("features", levels),
];

/** Writes features as a Parquet table of `file` and `features` (a list, of lists for tokens), a row group at a time. */
export function parquetTable(file: AtomicFile, { shape, about }: FeatureTable): FeatureFile {
  const kvMetadata = Object.entries(about).map(([key, value]) => ({ key, value }));
  const writer = new ByteWriter();
  const table = new ParquetWriter({ writer, schema: schemaOf(shape.length), kvMetadata, createdBy: "beit" });
  let [files, features]: [string[], unknown[]] = [[], []];
  const groupRows = Math.max(1, Math.floor(GROUP_NUMBERS / shape.reduce((a, b) => a * b)));

  const drain = async () => {
    await file.write(writer.getBytes());
    writer.index = 0;
  };
  const writeGroup = async () => {
    if (files.length === 0) return;
    const columnData = [
      { name: "file", data: files },
      { name: "features", data: features, encoding: "PLAIN" as const, codec: "UNCOMPRESSED" as const }, // noise to snappy
    ];
    await table.write({ columnData, rowGroupSize: groupRows });
    [files, features] = [[], []];
    await drain();
  };
  return {
    async add(name, row) {
      files.push(name);
      features.push(nested(row, shape));
      if (files.length === groupRows) await writeGroup();
    },
    async commit() {
      await writeGroup();
      await table.finish();
      await drain();
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

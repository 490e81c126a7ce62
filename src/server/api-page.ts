import { htmlPage, htmlSection, htmlTable } from "../report/html.ts";
import { escapeMarkup } from "../report/svg.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Schema;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly description?: string; readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }
    >
  >;
}

/** The part of an OpenAPI document that the page shows. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** An OpenAPI document as a page for people: no scripts, nothing loaded from elsewhere. */
export function apiPage({ info, paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationSection(`${method.toUpperCase()} ${path}`, operation),
    ),
  );
  const schemas = Object.entries(components.schemas).map(([name, schema]) => schemaTable(name, schema));
  const header = `<header><h1>${escapeMarkup(`${info.title} ${info.version}`)}</h1><p>${escapeMarkup(info.description ?? "")} For programs: <a href="/openapi.json">openapi.json</a></p></header>`;
  return htmlPage(info.title, [header, ...operations, htmlSection("JSON", schemas.join("\n"))].join("\n"));
}

const paragraph = (text: string | undefined) => (text ? `<p>${escapeMarkup(text)}</p>` : "");

function operationSection(title: string, operation: Operation): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const parts = [paragraph([summary, description].filter(Boolean).join(". "))];
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, schema, description: text }) => [
      name,
      typeText(schema),
      text ?? schema.description ?? "",
    ]);
    parts.push("<h3>Query</h3>", htmlTable([{ title: "name" }, { title: "value" }, { title: "" }], rows));
  }
  if (requestBody) {
    const types = Object.keys(requestBody.content).map((type) => [type]);
    parts.push("<h3>Body</h3>", paragraph(requestBody.description), htmlTable([{ title: "Content-Type" }], types));
  }
  const rows = Object.entries(responses).map(([status, response]) => {
    const schema = Object.values(response.content ?? {})[0]?.schema;
    return [status, response.description, schema ? typeText(schema) : ""];
  });
  parts.push("<h3>Answers</h3>", htmlTable([{ title: "status" }, { title: "" }, { title: "body" }], rows));
  return htmlSection(title, parts.join("\n"));
}

function schemaTable(name: string, schema: Schema): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    return [required.has(key) ? key : `${key} (optional)`, typeText(property), property.description ?? ""];
  });
  const table = htmlTable([{ title: "name" }, { title: "value" }, { title: "" }], rows);
  return `<h3>${escapeMarkup(name)}</h3>${paragraph(schema.description)}${table}`;
}

/** A schema in a few words. */
function typeText(schema: Schema): string {
  if (schema.$ref) return schema.$ref.replace(/^.*\//, "");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.anyOf) return schema.anyOf.map(typeText).join(" or ");
  if (schema.items) return `list of ${typeText(schema.items)}`;
  if (schema.properties) {
    return `{ ${Object.entries(schema.properties)
      .map(([key, value]) => `${key}: ${typeText(value)}`)
      .join(", ")} }`;
  }
  const fallback = schema.default === undefined ? "" : `, ${JSON.stringify(schema.default)} unless given`;
  return `${[schema.type].flat().join(" or ")}${fallback}`;
}

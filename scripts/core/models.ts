/** What one model of a schema file is called, by Prisma and by the database. */
export interface ModelNames {
  model: string;
  table: string;
  fields: { field: string; column: string }[];
}

const BLOCK = /^[ \t]*model[ \t]+(\w+)[ \t]*\{([^\n]*\n[\s\S]*?)^[ \t]*\}/gm;
const STRING = String.raw`"((?:\\.|[^"\\\n])*)"`;
const COMMENT = /("(?:\\.|[^"\\\n])*")|\/\/[^\n]*/g;

/** The models that a service's own schema holds, with the columns of their fields; relations, which have none, are left out. */
export function parseModels(text: string, own: string): ModelNames[] {
  const plain = text
    .replaceAll("\r\n", "\n")
    .replaceAll(COMMENT, (_, quoted: string | undefined) => quoted ?? "");
  const blocks = [...plain.matchAll(BLOCK)].map(([, model = "", body = ""]) => ({ model, body }));
  const models = new Set(blocks.map(({ model }) => model));
  return blocks
    .filter(({ body }) => (attribute(body, "@@schema") ?? own) === own)
    .map(({ model, body }) => ({
      model,
      table: attribute(body, "@@map") ?? model,
      fields: body.split("\n").flatMap((line) => parseField(line, models)),
    }));
}

function parseField(line: string, models: ReadonlySet<string>): ModelNames["fields"] {
  const [, field, type] = /^\s*([A-Za-z]\w*)\s+(\w+)/.exec(line) ?? [];
  if (field === undefined || type === undefined || models.has(type)) return [];
  return [{ field, column: attribute(line, "@map") ?? field }];
}

/** The text in `@name("text")`. */
function attribute(text: string, name: string): string | undefined {
  const [, inner] = new RegExp(`(?<!@)${name}\\(\\s*(?:name:\\s*)?${STRING}`).exec(text) ?? [];
  return inner === undefined ? undefined : (JSON.parse(`"${inner}"`) as string);
}

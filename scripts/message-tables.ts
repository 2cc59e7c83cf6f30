// Writes a TypeScript file for each message and enum of the protocol of clients, proto/pkt.proto: the type, and for a
// message the table by which src/wire/message-codec.ts encodes and decodes it. A file each, because bundlers divide
// what several entries share by files: an entry gets the tables of its own messages.
//
//   message-tables.ts DESCRIPTORS FOLDER     the output of `buf build`, with comments; the folder of the files

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The constants of src/wire/scalars.ts, and the types of their values. */
const scalars: Partial<Record<ScalarType, readonly [constant: string, type: string]>> = {
  [ScalarType.INT32]: ["int32", "number"],
  [ScalarType.UINT32]: ["uint32", "number"],
  [ScalarType.FIXED32]: ["fixed32", "number"],
  [ScalarType.INT64]: ["int64", "bigint"],
  [ScalarType.BOOL]: ["bool", "boolean"],
  [ScalarType.STRING]: ["string", "string"],
  [ScalarType.BYTES]: ["bytes", "Uint8Array"],
};

/** The largest number of a field: a table has a place for each number. */
const numberMax = 64;

/** What the codec does not know. The message names the field, and what can be done. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
}

/** Returns the text of each file by its name. Throws Unsupported. */
export function messageFiles(file: DescFile): ReadonlyMap<string, string> {
  const comments = commentsOf(file);
  const files = new Map<string, string>();
  const write = (desc: DescMessage | DescEnum, text: string): void => {
    const name = fileOf(desc);
    if (files.has(name)) throw new Unsupported(`${desc.typeName}: ${name} is the file of another type; rename one`);
    files.set(
      name,
      `// ${desc.typeName} of proto/${file.name}.proto. Written by scripts/generate; do not edit.\n\n${text}`,
    );
  };
  for (const desc of file.enums) write(desc, enumText(desc, comments));
  const visit = (desc: DescMessage): void => {
    write(desc, messageText(desc, comments));
    for (const nested of desc.nestedEnums) write(nested, enumText(nested, comments));
    desc.nestedMessages.forEach(visit);
  };
  file.messages.forEach(visit);
  return files;
}

/** Comments by the path of what they precede, as in google.protobuf.SourceCodeInfo. */
export type Comments = ReadonlyMap<string, string>;

export function commentsOf(file: DescFile): Comments {
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  return new Map(locations.map(({ path, leadingComments }) => [path.join("."), leadingComments]));
}

/** The numbers of FileDescriptorProto and its parts: message_type, enum_type; field, nested_type, enum_type; value. */
export function pathOf(desc: DescMessage | DescEnum): string {
  const { parent, file } = desc;
  if (desc.kind === "enum") {
    return parent === undefined
      ? `5.${file.enums.indexOf(desc)}`
      : `${pathOf(parent)}.4.${parent.nestedEnums.indexOf(desc)}`;
  }
  return parent === undefined
    ? `4.${file.messages.indexOf(desc)}`
    : `${pathOf(parent)}.3.${parent.nestedMessages.indexOf(desc)}`;
}

function comment(comments: Comments, path: string, indent: string): string {
  const lines = (comments.get(path) ?? "").trim().replaceAll("*/", "*\\/").split("\n");
  if (lines[0] === "") return "";
  const text = lines.map((line) => line.trim());
  if (text.length === 1) return `${indent}/** ${text[0]} */\n`;
  return `${indent}/**\n${text.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

/** `Outer_Inner` of the package's Outer.Inner. */
function nameOf(desc: DescMessage | DescEnum): string {
  const { package: ofPackage } = desc.file.proto;
  return (ofPackage === "" ? desc.typeName : desc.typeName.slice(ofPackage.length + 1)).replaceAll(".", "_");
}

/** `group-get-resp.ts` of GroupGetResp. */
function fileOf(desc: DescMessage | DescEnum): string {
  const words = nameOf(desc)
    .replaceAll("_", "-")
    .replaceAll(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$1$3-$2");
  return `${words.toLowerCase()}.ts`;
}

function enumText(desc: DescEnum, comments: Comments): string {
  if (!desc.open) throw new Unsupported(`${desc.typeName} is closed: expected an enum of proto3`);
  const name = nameOf(desc);
  const path = pathOf(desc);
  const values = desc.values.map(
    ({ localName, number }, at) => `${comment(comments, `${path}.2.${at}`, "  ")}  ${localName}: ${number},\n`,
  );
  return [
    'import type { UnknownEnum } from "../../message-type.ts";\n\n',
    `${comment(comments, path, "")}export const ${name} = {\n${values.join("")}} as const;\n`,
    `export type ${name} = (typeof ${name})[keyof typeof ${name}] | UnknownEnum;\n`,
  ].join("");
}

interface FieldTexts {
  readonly type: string;
  readonly kind: string;
  readonly label: "" | "repeated" | "optional";
}

function messageText(desc: DescMessage, comments: Comments): string {
  checkRecursion(desc, []);
  const name = nameOf(desc);
  const path = pathOf(desc);
  const types = new Set<DescMessage | DescEnum>();
  const constants = new Set<string>();
  const members: string[] = [];
  const rows: string[] = [];
  for (const [at, field] of desc.fields.entries()) {
    const { type, kind, label } = textsOf(field);
    if (field.message !== undefined) types.add(field.message);
    else constants.add(kind);
    if (field.enum !== undefined) types.add(field.enum);
    const isOptional = label === "optional" || (label === "" && field.message !== undefined);
    const member = isOptional ? `${field.localName}?: ${type} | undefined` : `${field.localName}: ${type}`;
    members.push(`${comment(comments, `${path}.2.${at}`, "  ")}  ${member};\n`);
    if (field.number > numberMax)
      throw new Unsupported(`${String(field)} has the number ${field.number}: expected one up to ${numberMax}`);
    const cells = [JSON.stringify(field.localName), kind, ...(label === "" ? [] : [JSON.stringify(label)])];
    rows[field.number - 1] = `[${cells.join(", ")}]`;
  }
  // The places of numbers without a field are undefined, too.
  const table = Array.from(rows, (row) => `  ${row ?? "undefined"},\n`);
  return [
    'import type { MessageType } from "../../message-type.ts";\n',
    constants.size === 0 ? "" : `import { ${[...constants].toSorted().join(", ")} } from "../../scalars.ts";\n`,
    ...[...types].map((of) => importOf(of)).toSorted(),
    `\n${comment(comments, path, "")}export interface ${name} {\n${members.join("")}}\n\n`,
    `export const ${name}: MessageType<${name}> = [\n${table.join("")}];\n`,
  ].join("");
}

function importOf(desc: DescMessage | DescEnum): string {
  return `import ${desc.kind === "enum" ? "type " : ""}{ ${nameOf(desc)} } from "./${fileOf(desc)}";\n`;
}

function textsOf(field: DescField): FieldTexts {
  if (field.oneof !== undefined) throw new Unsupported(`${String(field)} is in a oneof: use separate fields`);
  switch (field.fieldKind) {
    case "map":
      throw new Unsupported(`${String(field)} is a map: use a repeated message with a key and a value`);
    case "message":
      if (field.delimitedEncoding) throw new Unsupported(`${String(field)} is a group: use a message field`);
      return { type: nameOf(field.message), kind: nameOf(field.message), label: "" };
    case "enum":
    case "scalar": {
      const { type, kind } = scalarTexts(field);
      const isOptional = field.presence !== FeatureSet_FieldPresence.IMPLICIT;
      return { type, kind, label: isOptional ? "optional" : "" };
    }
    case "list": {
      if (field.listKind === "message") {
        const name = nameOf(field.message);
        return { type: `${name}[]`, kind: name, label: "repeated" };
      }
      const { type, kind } = scalarTexts(field);
      if (!field.packed && kind !== "string" && kind !== "bytes")
        throw new Unsupported(`${String(field)} is not packed: remove [packed = false]`);
      return { type: `${type}[]`, kind, label: "repeated" };
    }
  }
}

function scalarTexts(field: DescField): { readonly type: string; readonly kind: string } {
  if (field.enum !== undefined) return { type: nameOf(field.enum), kind: "int32" };
  const [kind, type] = (field.scalar === undefined ? undefined : scalars[field.scalar]) ?? [];
  if (kind === undefined || type === undefined)
    throw new Unsupported(`${String(field)} has a type without a codec: add it to src/wire/scalars.ts`);
  return { type, kind };
}

/** Tables contain each other, so a message cannot contain itself. */
function checkRecursion(desc: DescMessage, parents: readonly DescMessage[]): void {
  if (parents.includes(desc)) throw new Unsupported(`${desc.typeName} contains itself: use ids instead`);
  for (const { message } of desc.fields) if (message !== undefined) checkRecursion(message, [...parents, desc]);
}

if (import.meta.main) {
  const [descriptors = "", folder = ""] = process.argv.slice(2);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of registry.files)
    if (file.name === "pkt") for (const [name, text] of messageFiles(file)) writeFileSync(join(folder, name), text);
}

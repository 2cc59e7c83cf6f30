// Writes the comments of proto/api.proto, and of what it takes from proto/pkt.proto, as a table: descriptors have no
// comments at run time, and GET /openapi.json, GET /docs and `roost api` show them.
//
//   api-comments.ts DESCRIPTORS FILE     the output of `buf build`, with comments; the file to write

import { readFileSync, writeFileSync } from "node:fs";
import { createFileRegistry, type DescEnum, type DescFile, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Comments, commentsOf, pathOf } from "./message-tables.ts";

/** Comments by the name of what they describe: `roost.v1.Messages.Send`, `roost.v1.SendReq.body`. */
export function apiComments(file: DescFile): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const known = new Map<DescFile, Comments>();
  const put = (of: DescFile, name: string, path: string): void => {
    const comments = known.get(of) ?? commentsOf(of);
    known.set(of, comments);
    const text = paragraphs(comments.get(path) ?? "");
    if (text !== "") texts.set(name, text);
  };
  const seen = new Set<DescMessage | DescEnum>();
  const visit = (desc: DescMessage | DescEnum): void => {
    if (seen.has(desc)) return;
    seen.add(desc);
    put(desc.file, desc.typeName, pathOf(desc));
    if (desc.kind === "enum") {
      for (const [at, value] of desc.values.entries())
        put(desc.file, `${desc.typeName}.${value.name}`, `${pathOf(desc)}.2.${at}`);
      return;
    }
    for (const [at, field] of desc.fields.entries()) {
      put(desc.file, `${desc.typeName}.${field.name}`, `${pathOf(desc)}.2.${at}`);
      if (field.message !== undefined) visit(field.message);
      if (field.enum !== undefined) visit(field.enum);
    }
  };
  for (const [at, service] of file.services.entries()) {
    put(file, service.typeName, `6.${at}`);
    for (const [index, method] of service.methods.entries()) {
      put(file, `${service.typeName}.${method.name}`, `6.${at}.2.${index}`);
      visit(method.input);
      visit(method.output);
    }
  }
  return texts;
}

/** The lines of a paragraph become one; an empty line ends a paragraph. */
function paragraphs(comment: string): string {
  return comment
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph
        .split("\n")
        .map((line) => line.trim())
        .join(" ")
        .trim(),
    )
    .filter((paragraph) => paragraph !== "")
    .join("\n\n");
}

function fileText(texts: ReadonlyMap<string, string>): string {
  const rows = [...texts].map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},\n`);
  return [
    "// The comments of proto/api.proto. Written by scripts/generate; do not edit.\n\n",
    `export const apiComments: Readonly<Record<string, string>> = {\n${rows.join("")}};\n`,
  ].join("");
}

if (import.meta.main) {
  const [descriptors = "", path = ""] = process.argv.slice(2);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const file = registry.getFile("api.proto");
  if (file === undefined) throw new Error(`${descriptors} has no api.proto`);
  writeFileSync(path, fileText(apiComments(file)));
}

// Lists the methods of the HTTP API, and what a method takes and answers.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type ApiMethod, boundsOf, commentOf, commentOfField, messagesOf } from "../../api/description/methods.ts";
import { typeTextOf } from "../../api/description/type-text.ts";
import { tableLines } from "../text-table.ts";

/** A line for each method: its name and what it does. */
export function methodLines(methods: readonly ApiMethod[]): string[] {
  return [...tableLines(methods.map(({ name, comment }) => [name, firstSentence(comment)]))];
}

/** What a method does and needs, and the fields of its request, of its answer and of what is in them. */
export function fieldLines(method: ApiMethod): string[] {
  const { name, comment, scope, example } = method;
  const lines = [name, ...comment.split("\n\n"), "", `scope    ${scope}`, `example  ${example}`];
  for (const message of messagesOf([method])) {
    const what = message === method.desc.input ? "request" : message === method.desc.output ? "answer" : "";
    lines.push("", what === "" ? message.name : `${message.name} (${what})`);
    const about = commentOf(message.typeName);
    if (about !== "") lines.push(about);
    lines.push(...rowsOf(message));
  }
  return lines;
}

function rowsOf(message: DescMessage): Iterable<string> {
  return tableLines(message.fields.map((field) => [`  ${field.jsonName}`, typeTextOf(field), textOf(field)]));
}

function textOf(field: DescField): string {
  const { isRequired } = boundsOf(field);
  return [...(isRequired ? ["Required."] : []), commentOfField(field)].join(" ").trim();
}

function firstSentence(comment: string): string {
  return /^.*?\.(?= |$)/s.exec(comment)?.[0] ?? comment;
}

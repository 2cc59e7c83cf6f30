// What a back end answers to questions before something is done.

import { arrayOf, type Fields, fieldsOf, ifWellFormed, jsonOf, MalformedJson } from "../base/json-fields.ts";
import { printable } from "../base/printable.ts";

const sentenceCharactersMax = 200;

/** What is known of a question. `isAnswered`: the back end itself has refused, and not the lack of its answer. */
export type Verdict =
  | { readonly isAllowed: true; readonly body?: string; readonly extra?: string }
  | { readonly isAllowed: false; readonly isAnswered: boolean; readonly sentence: string };

export const allowed: Verdict = { isAllowed: true };

/**
 * Reads an answer to so many questions; verdicts by their positions. What is not mentioned is allowed. A verdict that
 * is malformed is missing; so are all of them if it cannot be known which question one is about, or if two are about
 * the same.
 */
export function verdictsIn(text: string, count: number): readonly (Verdict | undefined)[] {
  const verdicts = ifWellFormed(() => {
    const found = new Map<number, Verdict | undefined>();
    const { answers = [] } = fieldsOf(jsonOf(text === "" ? "{}" : text, "answer"), "answer");
    for (const each of arrayOf(answers, "answers")) {
      const fields = fieldsOf(each, "answers");
      const at = positionIn(fields, count);
      if (found.has(at)) throw new MalformedJson("answers: two of them have one id");
      found.set(
        at,
        ifWellFormed(() => verdictIn(fields)),
      );
    }
    return Array.from({ length: count }, (_, at) => (found.has(at) ? found.get(at) : allowed));
  });
  return verdicts ?? [];
}

/** The question's id, as text or as a number. */
function positionIn({ id }: Fields, count: number): number {
  const at = typeof id === "string" && /^\d{1,9}$/.test(id) ? Number(id) : id;
  if (typeof at !== "number" || !Number.isInteger(at) || at < 0 || at >= count)
    throw new MalformedJson("id: expected one of a question");
  return at;
}

function verdictIn({ allow = true, reason, body, extra }: Fields): Verdict {
  if (typeof allow !== "boolean") throw new MalformedJson("allow: expected true or false");
  if (!allow) {
    const said = typeof reason === "string" ? printable(reason.slice(0, sentenceCharactersMax).toWellFormed()) : "";
    return { isAllowed: false, isAnswered: true, sentence: said === "" ? "the app does not allow this" : said };
  }
  return { isAllowed: true, ...textOf("body", body), ...textOf("extra", extra) };
}

function textOf(key: "body" | "extra", value: unknown): { readonly body?: string; readonly extra?: string } {
  if (value === undefined || value === null) return {};
  if (typeof value !== "string") throw new MalformedJson(`${key}: expected a string`);
  return { [key]: value.toWellFormed() };
}

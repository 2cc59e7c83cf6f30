// Questions about groups and people, as the main thread asks them.

import { assert } from "../../../base/assert.ts";
import type { Answer, Request, RequestTarget } from "../protocol.ts";
import type { Asked, PeopleAnswers, QuestionOf } from "./questions.ts";

/** Asks the reader a question. */
export async function answerTo<Name extends Asked>(
  reader: RequestTarget,
  question: QuestionOf<Name> & { readonly ask: Name },
): Promise<PeopleAnswers[Name]> {
  const request: Request = { kind: "people", question };
  const answer: Answer = await reader.call(request);
  assert(answer.kind === "people", "a question about people is answered with its answer");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- people-reader.ts answers by the question's name
  return answer.answer as PeopleAnswers[Name];
}

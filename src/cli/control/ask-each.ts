// Asks several processes side by side, each within a short time: one that hangs makes nobody wait for long, and is told
// apart.

import { StartError } from "../usage-error.ts";
import { askProcess, type ControlPlace } from "./ask.ts";

interface Answers {
  /** Of those that have answered, in the order of the places. */
  readonly answers: readonly unknown[];
  /** Those that have not answered in time. */
  readonly late: readonly ControlPlace[];
}

/** A process that refuses, or cannot be reached, has no part in the answers. */
export async function askEach(places: readonly ControlPlace[], command: string, limitMs: number): Promise<Answers> {
  const asked = await Promise.all(places.map((place) => within(limitMs, place, command)));
  return {
    answers: asked.flatMap((each) => (each.result === "answer" ? [each.answer] : [])),
    late: places.filter((_, at) => asked[at]?.result === "late"),
  };
}

type Asked = { readonly result: "answer"; readonly answer: unknown } | { readonly result: "late" | "refused" };

async function within(limitMs: number, place: ControlPlace, command: string): Promise<Asked> {
  const { promise: late, resolve } = Promise.withResolvers<Asked>();
  const timer = setTimeout(() => resolve({ result: "late" }), limitMs);
  try {
    return await Promise.race([ask(place, command), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function ask(place: ControlPlace, command: string): Promise<Asked> {
  try {
    return { result: "answer", answer: await askProcess(place, command) };
  } catch (error) {
    if (error instanceof StartError) return { result: "refused" };
    throw error;
  }
}

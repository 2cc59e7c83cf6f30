// Message ids: one in a millisecond, and many.

import { IdSequence, nextId, smallestIdAt } from "../../src/store/snowflake.ts";
import type { Topic } from "./case.ts";

const nowMs = 1_795_000_000_000;

export function idsTopic(): Topic {
  let wallMs = nowMs;
  let last = smallestIdAt(nowMs);
  const sequence = new IdSequence(last, 1);
  return {
    cases: [
      { name: "ids/the next in the same millisecond", run: () => sequence.next(nowMs) },
      {
        name: "ids/the first of a millisecond",
        run: () => {
          last = nextId(last, ++wallMs, 1);
          return last;
        },
      },
    ],
  };
}

// The two tests that each limit of the table has: at its value, and one above. A structure test looks for a call of
// `bound` with each name.

import { describe, test } from "bun:test";
import type { LimitName } from "../../src/base/limits/table.ts";

/** Declares both tests. `at` does what is just allowed; `above` does one more, and expects what the table says. */
export function bound(
  name: LimitName,
  { at, above }: { readonly at: () => void | Promise<void>; readonly above: () => void | Promise<void> },
): void {
  describe(`limit ${name}`, () => {
    test("allows its value", at);
    test("turns away one more", above);
  });
}

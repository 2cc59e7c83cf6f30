// Threads that yield to others.

import { expect, test } from "bun:test";
import { getPriority } from "node:os";
import { join } from "node:path";

test.skipIf(process.platform !== "linux" || getPriority() > 14)(
  "a thread yields alone: those that serve all others of the process keep their priority",
  async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "yielding-child.ts")], { stderr: "inherit" });
    const threads: [name: string, niceness: number, isFirst: boolean][] = JSON.parse(
      await new Response(child.stdout).text(),
    );
    expect(threads.find(([, , isFirst]) => isFirst)?.[1]).toBe(5);
    for (const name of ["Bun Pool", "HeapHelper"]) {
      const found = threads.filter(([each]) => each.startsWith(name));
      expect(found.map(([, niceness]) => niceness)).toEqual(found.map(() => 0));
      expect(found.length).toBeGreaterThan(0);
    }
  },
);

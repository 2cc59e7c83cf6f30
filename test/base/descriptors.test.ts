import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorsMax } from "../../src/base/descriptors.ts";

test("the limit on open files is this process's own", () => {
  const { stdout } = Bun.spawnSync(["sh", "-c", 'ulimit -n 77; exec "$@"', "sh", process.execPath, "-e", program]);
  expect(stdout.toString().trim()).toBe("77");
});

const program = `console.log(require("${join(import.meta.dir, "../../src/base/descriptors.ts")}").descriptorsMax())`;

test("a limit that is hidden, unlimited or not to be understood is unknown, and nothing ends by it", () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-limits-"));
  const path = join(folder, "limits");
  try {
    expect(descriptorsMax(path)).toBeUndefined();
    expect(descriptorsMax(folder)).toBeUndefined();
    for (const text of ["", "Max open files            unlimited            unlimited            files\n", "nothing"]) {
      writeFileSync(path, text);
      expect(descriptorsMax(path)).toBeUndefined();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// The pictures of the guides can be taken anew: the way to each of them leads through the page as it is.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const main = join(import.meta.dir, "../../scripts/pictures/main.ts");
const folder = temporaryFolder("roost-pictures-test-");

test.skipIf(chromium === undefined)(
  "the pictures of the guides are taken of the product, each in its size, and small",
  async () => {
    const child = Bun.spawn([...endsWithParent(), process.execPath, main, folder], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [errors, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    expect({ errors, status }).toEqual({ errors: "", status: 0 });
    const sizes: Record<string, string> = {};
    for (const name of ["chat-light", "chat-dark", "chat-phone"]) {
      const { width, height, format } = await Bun.file(join(folder, `${name}.png`))
        .image()
        .metadata();
      sizes[name] = `${format} ${width}x${height}`;
    }
    expect(sizes).toEqual({
      "chat-light": "png 1280x800",
      "chat-dark": "png 1280x800",
      "chat-phone": "png 390x844",
    });
  },
  browserTestMsMax,
);

test("without Chromium it says what is missing", async () => {
  const child = Bun.spawn([process.execPath, main, folder], {
    env: { PATH: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [errors, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect([errors, status]).toEqual([expect.stringContaining("there is no chromium on PATH; install it"), 1]);
});

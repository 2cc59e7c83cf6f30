// Tests in a browser fail by what the product does, not by a browser that did not come up: that one is started again.

import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, browserTestMsMax, chromium, withBrowser } from "../support/browser.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";

const folder = temporaryFolder("roost-browser-start-");
const site = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("here") });
afterAll(() => site.stop(true));

let scripts = 0;
/** An executable of its own, with `$starts` as the path of a file of this script's. */
function script(lines: string): { readonly command: string; readonly starts: string } {
  const command = join(folder, `browser-${scripts++}`);
  const starts = `${command}.starts`;
  writeFileSync(command, `#!/bin/sh\nstarts="${starts}"\necho started >> "$starts"\n${lines}\n`);
  chmodSync(command, 0o755);
  return { command, starts };
}
const linesOf = (path: string): number => readFileSync(path, "utf8").trimEnd().split("\n").length;

test("one that ends at once is started twice, and the output of both is reported", async () => {
  const { command, starts } = script('echo "no library $(wc -l < "$starts")" >&2; exit 127');
  const failure = await Browser.start({ command }).then(String, String);
  expect(failure).toMatch(/no browser came up: the browser ended by itself \(exit status 127\)[^]*no library 1\n/);
  expect(failure).toMatch(/and the next one: the browser ended by itself[^]*no library 2$/);
  expect(linesOf(starts)).toBe(2);
});

test("one that hangs is ended with the processes that it started, which held its output", async () => {
  const { command, starts } = script('sleep 1000 & echo $! >> "$starts.children"; wait');
  const failure = await Browser.start({ command, startMsMax: 300 }).then(String, String);
  expect(failure).toContain("did not come up within 300 ms");
  const children = readFileSync(`${starts}.children`, "utf8").trimEnd().split("\n");
  expect(children).toHaveLength(2);
  const runs = (pid: string): boolean =>
    existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  await until(() => !children.some(runs), "the children of the browsers end");
});

test.skipIf(chromium === undefined)(
  "one that crashes is no failure when the next one comes up",
  async () => {
    const { command, starts } = script(
      `[ "$(wc -l < "$starts")" -gt 1 ] || kill -SEGV $$\nexec "${chromium ?? ""}" "$@"`,
    );
    const html = await withBrowser({ command }, async (browser) =>
      (await browser.open(`http://127.0.0.1:${site.port}/`)).html(),
    );
    expect(html).toContain("here");
    expect(linesOf(starts)).toBe(2);
  },
  browserTestMsMax,
);

test.skipIf(chromium === undefined)(
  "one that dies with a page open fails the work, and its output is reported",
  async () => {
    const { command } = script(
      `"${chromium ?? ""}" "$@" & while [ ! -e "$starts.over" ]; do sleep 0.05; done; echo "a crash" >&2; kill -9 $$`,
    );
    const work = withBrowser({ command }, async (browser) => {
      await browser.open(`http://127.0.0.1:${site.port}/`);
      writeFileSync(`${command}.starts.over`, "");
      return new Promise<never>(() => undefined);
    });
    const failure = await work.then(String, String);
    expect(failure).toMatch(/the browser ended by itself \(SIGKILL\)[^]*a crash/);
  },
  browserTestMsMax,
);

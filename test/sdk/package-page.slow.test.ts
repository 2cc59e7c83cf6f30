// The package of the client library in a page that Vite has built, as most pages are: in Chromium, against a server.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { browserTestMsMax, chromium, withBrowser } from "../support/browser.ts";
import { fetchedPackages } from "../support/fetched-packages.ts";
import { installSdk, type InstalledSdk } from "../support/installed-sdk.ts";
import { Messenger } from "../support/messenger.ts";
import { nodeOf } from "../support/node-versions.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const vite = fetchedPackages("vite-8.4.0", ["vite@8.4.0"]);
const node = nodeOf(22);
const missing = "missing" in vite ? vite.missing : "missing" in node ? node.missing : undefined;

const where = temporaryFolder("roost-page-");
let sdk: InstalledSdk;
let server: Messenger;

beforeAll(async () => {
  sdk = installSdk(where);
  server = await Messenger.start();
});
afterAll(() => server.stop());

const html = '<!doctype html><title>page</title><script type="module" src="/main.ts"></script>\n';

/** A file that was built. */
interface Built {
  readonly name: string;
  readonly text: string;
  readonly gzipBytes: number;
}

/** Has Vite build the page of a script; returns its scripts, with what Vite has printed. */
async function build(script: string): Promise<{ readonly files: readonly Built[]; readonly printed: string }> {
  sdk.write("index.html", html);
  sdk.write("main.ts", script);
  rmSync(join(sdk.folder, "dist"), { recursive: true, force: true });
  const program = "path" in node ? node.path : "";
  const command = join("folder" in vite ? vite.folder : "", "node_modules/vite/bin/vite.js");
  const child = Bun.spawn([program, command, "build", sdk.folder], { stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`vite build failed:\n${out}${errors}`);
  const folder = join(sdk.folder, "dist/assets");
  const files = readdirSync(folder).map((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return { name, text, gzipBytes: Bun.gzipSync(text, { level: 9 }).length };
  });
  return { files, printed: `${out}${errors}` };
}

/** Alice talks to Bob, loads what a group needs when it needs it, and tells in the title what came. */
const page = `
  import { RoostClient, type Message } from "roost-sdk";
  import { Messenger } from "roost-sdk/messenger";

  const wish = new URLSearchParams(location.hash.slice(1));
  const url = wish.get("url") ?? "";
  const came = Promise.withResolvers<Message>();
  const bob = await RoostClient.connect({ url, token: wish.get("bob") ?? "", on: { message: came.resolve } });
  const alice = await Messenger.connect({ url, token: wish.get("alice") ?? "", device: "page" });
  const timeline = await alice.conversation({ account: bob.account }).timeline();
  alice.conversation({ account: bob.account }).send({ body: "from a page" });
  const { sender, body } = await came.promise;
  while (timeline.messages[0]?.state !== "stored") await new Promise((resolve) => setTimeout(resolve, 10));
  const { Community } = await import("roost-sdk/community");
  const { id } = await alice.newGroup({ name: "tea", members: [bob.account] });
  const { memberCount } = await Community.of(alice).group(id).detail();
  document.title = JSON.stringify({ sender, body, memberCount });
`;

describe.skipIf(missing !== undefined)(`a page of Vite${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test(
    "with the core alone has at most 16 KB of script, nothing of Bun, and is built without a warning",
    async () => {
      const { files, printed } = await build(`
        import { RoostClient } from "roost-sdk";
        const client = await RoostClient.connect({ url: "ws://127.0.0.1:8000", token: "" });
        await client.talkToUser("bob", { body: "hello" });
      `);
      const bytes = files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
      console.log(`Vite: ${bytes} bytes; ${files.map(({ name, gzipBytes }) => `${name} ${gzipBytes}`).join(", ")}`);
      expect(bytes).toBeLessThanOrEqual(16 * 1024);
      expect(files.filter(({ text }) => text.includes("Bun.connect")).map(({ name }) => name)).toEqual([]);
      expect(printed).not.toMatch(/warn|externali[sz]ed|cannot be analyzed|dynamic import/i);
    },
    browserTestMsMax,
  );

  test.skipIf(chromium === undefined)(
    `talks in Chromium, and loads the community when it needs it${chromium === undefined ? " (skipped: none)" : ""}`,
    async () => {
      await build(page);
      const asked: string[] = [];
      const site = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        fetch: async (request) => {
          const { pathname } = new URL(request.url);
          asked.push(pathname);
          const file = Bun.file(join(sdk.folder, "dist", pathname === "/" ? "index.html" : pathname));
          return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
        },
      });
      try {
        const [alice, bob] = await Promise.all([server.token("alice"), server.token("bob")]);
        const wish = new URLSearchParams({ url: `ws://${server.ws}`, alice, bob });
        const title = await withBrowser({}, async (browser) => {
          const opened = await browser.open(`http://127.0.0.1:${site.port}/#${wish}`);
          let found = "page";
          await until(async () => {
            found = String(await opened.evaluate("document.title"));
            return found !== "page";
          }, "what came to the page");
          return found;
        });
        expect(JSON.parse(title)).toEqual({ sender: "alice", body: "from a page", memberCount: 2 });
        expect(asked.filter((path) => path.includes("community"))).toHaveLength(1);
      } finally {
        await site.stop(true);
      }
    },
    browserTestMsMax,
  );
});

// The package of the client library in pages, in Chromium, against a server: built by Vite, as most pages are, and as
// the guide shows them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { browserTestMsMax, chromium, withBrowser } from "../support/browser.ts";
import { fetchedPackages } from "../support/fetched-packages.ts";
import { installSdk, type InstalledSdk } from "../support/installed-sdk.ts";
import { Messenger } from "../support/messenger.ts";
import { nodeOf } from "../support/node-versions.ts";
import { blocksOf } from "../support/sdk-guide.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const vite = fetchedPackages("vite-8.4.0-preact-10.27.2-react-19.3.1", [
  ...["vite@8.4.0", "preact@10.27.2", "react@19.3.1", "react-dom@19.3.1", "@types/react@19.3.3"],
]);
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

/** The libraries for which the guide's example is. */
const frameworks = [
  {
    name: "Preact",
    packages: ["preact"],
    adapt: (example: string) => example,
    mount: `
      import { h, render } from "preact";
      const mount = (component, properties) => render(h(component, properties), document.body);
    `,
  },
  {
    name: "React",
    packages: ["react", "react-dom", "@types/react"],
    adapt: (example: string) => example.replace('"preact/compat"', '"react"').replaceAll("class=", "className="),
    mount: `
      import { createElement } from "react";
      import { createRoot } from "react-dom/client";
      const mount = (component, properties) => createRoot(document.body).render(createElement(component, properties));
    `,
  },
];

/** Serves the files of a folder to pages. */
function siteOf(folder: string, seen: (path: string) => void = () => undefined): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      seen(pathname);
      if (pathname === "/chat-token") return new Response(await server.token("alice"));
      const file = Bun.file(join(folder, pathname === "/" ? "index.html" : pathname));
      return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
    },
  });
}

/** Opens a page in Chromium and waits until what an expression gives there is so. */
function showing(url: string, expression: string, isSo: (value: string) => boolean): Promise<string> {
  return withBrowser({}, async (browser) => {
    const opened = await browser.open(url);
    let found = "";
    await until(async () => {
      found = String(await opened.evaluate(expression));
      return isSo(found);
    }, `${expression} in the page`);
    return found;
  });
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
      const site = siteOf(join(sdk.folder, "dist"), (path) => asked.push(path));
      try {
        const [alice, bob] = await Promise.all([server.token("alice"), server.token("bob")]);
        const wish = new URLSearchParams({ url: `ws://${server.ws}`, alice, bob });
        const url = `http://127.0.0.1:${site.port}/#${wish}`;
        const title = await showing(url, "document.title", (value) => value !== "page");
        expect(JSON.parse(title)).toEqual({ sender: "alice", body: "from a page", memberCount: 2 });
        expect(asked.filter((path) => path.includes("community"))).toHaveLength(1);
      } finally {
        await site.stop(true);
      }
    },
    browserTestMsMax,
  );

  test.skipIf(chromium === undefined).each([...frameworks])(
    "with the guide's example for $name shows what is said, and compiles strictly",
    async ({ name, packages, adapt, mount }) => {
      const fetched = join("folder" in vite ? vite.folder : "", "node_modules");
      mkdirSync(join(sdk.folder, "node_modules/@types"), { recursive: true });
      for (const each of packages) symlinkSync(join(fetched, each), join(sdk.folder, "node_modules", each));
      const [example = ""] = blocksOf("tsx");
      sdk.write("chat.tsx", adapt(example));
      const complaints = sdk.complaints(["chat.tsx"], {
        ...{ jsx: "react-jsx", jsxImportSource: packages[0], module: "esnext", moduleResolution: "bundler" },
        ...{ lib: ["ES2022", "DOM", "DOM.Iterable"], skipLibCheck: true },
      });
      expect(complaints).toBe("");
      await build(`
        import { Messenger } from "roost-sdk/messenger";
        import { Chat } from "./chat.tsx";
        ${mount}

        const wish = new URLSearchParams(location.hash.slice(1));
        const client = await Messenger.connect({ url: wish.get("url"), token: wish.get("token"), device: "page" });
        mount(Chat, { client, partner: { account: "dora" } });
        client.conversation({ account: "dora" }).send({ body: "from a component" });
      `);
      const site = siteOf(join(sdk.folder, "dist"));
      try {
        const wish = new URLSearchParams({ url: `ws://${server.ws}`, token: await server.token(name) });
        const shown = "document.querySelector('li.stored')?.textContent ?? ''";
        const url = `http://127.0.0.1:${site.port}/#${wish}`;
        expect(await showing(url, shown, (value) => value !== "")).toBe(`${name}: from a component`);
      } finally {
        await site.stop(true);
      }
    },
    browserTestMsMax,
  );
});

test.skipIf(chromium === undefined)(
  `the guide's page without a build talks${chromium === undefined ? " (skipped: no Chromium)" : ""}`,
  async () => {
    const [plain = ""] = blocksOf("html");
    expect(plain).toContain('"ws://127.0.0.1:8000"');
    sdk.write("plain/index.html", plain.replace("ws://127.0.0.1:8000", `ws://${server.ws}`));
    symlinkSync(join(sdk.folder, "node_modules/roost-sdk"), join(sdk.folder, "plain/roost-sdk"));
    const site = siteOf(join(sdk.folder, "plain"));
    try {
      const typed = `(() => {
        if (!document.body.dataset.sent) {
          document.body.dataset.sent = "yes";
          form.elements.text.value = "from a form";
          form.requestSubmit();
        }
        return log.textContent;
      })()`;
      const url = `http://127.0.0.1:${site.port}/`;
      expect(await showing(url, typed, (value) => value !== "")).toContain("me: from a form");
    } finally {
      await site.stop(true);
    }
  },
  browserTestMsMax,
);

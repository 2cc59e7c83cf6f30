// The lines of curl on the page of documentation, as a reader copies them, against a server that was just started.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { apiMethods } from "../../src/api/description/methods.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-curl-");
let server: ServerProcess;
let page: string;
beforeAll(async () => {
  server = await ServerProcess.start(folder);
  page = await (await fetch(`${server.api}/docs`)).text();
}, 60_000);
afterAll(() => server.end("SIGTERM"));

/** Runs lines of a shell in the folder where the server was started. */
async function shell(lines: string): Promise<{ status: number; out: Buffer; err: string }> {
  const child = Bun.spawn([...endsWithParent(), "sh", "-c", lines], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ROOST_KEY: readFileSync(join(folder, "data/api-key"), "utf8").trim() },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out: Buffer.from(out), err };
}

/** The code block of an article of the page, as a browser copies it. */
function linesOf(id: string): string {
  const start = id === "" ? 0 : page.indexOf(`<article id="${id}">`);
  const [, html = ""] = /<pre>([^]*?)<\/pre>/.exec(page.slice(start)) ?? [];
  return html
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}

const stored = { messageId: expect.stringMatching(/^[0-9]+$/), sendTime: expect.stringMatching(/^[0-9]+$/) };

test("the first lines of the page send a message", async () => {
  const { out } = await shell(linesOf(""));
  expect(JSON.parse(out.toString())).toEqual(stored);
});

test("the lines of the README send a message", async () => {
  const readme = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
  const section = readme.slice(readme.indexOf("### From your back end"));
  const [, lines = ""] = /```sh\n([^]*?)```/.exec(section) ?? [];
  const { out } = await shell(lines.replace("http://127.0.0.1:8200", server.api));
  expect(JSON.parse(out.toString())).toEqual(stored);
});

const ready = [...apiMethods.values()].filter(({ needs }) => needs === "");

test("the line of every method whose example needs nothing is answered", async () => {
  expect(ready.length).toBeGreaterThan(20);
  for (const { name, isStream } of ready) {
    const { status, out } = await shell(`${linesOf(name.replace("/", "."))} -sS --fail-with-body`);
    const text = out.subarray(isStream ? 5 : 0).toString();
    expect([name, status, text]).toEqual([name, 0, expect.stringMatching(/^\{/)]);
  }
}, 120_000);

test("a line whose example needs something is served, and is no failure of the server", async () => {
  const others = [...apiMethods.values()].filter(({ needs, name }) => needs !== "" && name !== "Admin/Drain");
  for (const { name } of others) {
    const { out } = await shell(`${linesOf(name.replace("/", "."))} -sS -w '\\n%{http_code}'`);
    const [text = "", status = ""] = out.toString().split("\n");
    expect([name, Number(status) < 500, JSON.parse(text)]).toEqual([
      name,
      true,
      expect.not.objectContaining({ code: "unimplemented" }),
    ]);
  }
}, 120_000);

// The webhook receiver of the README, as it stands there, with a real server: it believes what the server signs.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = join(import.meta.dir, "../..");
const folder = temporaryFolder("roost-receiver-");
const readme = readFileSync(join(root, "README.md"), "utf8");
const [, receiver = ""] = /```js\n\/\/ receiver\.mjs\n([^]*?)```/.exec(readme) ?? [];

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start(folder, ["--hook-allow", "127.0.0.1"]);
}, 60_000);
afterAll(() => server.end("SIGTERM"));

/** Calls a method as the README's request does; resolves with the answer. */
async function call(method: string, request: string): Promise<Readonly<Record<string, unknown>>> {
  const key = readFileSync(join(folder, "data/api-key"), "utf8").trim();
  const response = await fetch(`${server.api}/roost.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: request,
  });
  expect([method, response.status]).toEqual([method, 200]);
  return await response.json();
}

test("the receiver has at most 20 lines, verifies an event and shows its message", async () => {
  expect(receiver.trim().split("\n").length).toBeLessThanOrEqual(20);
  const [port = 0] = await freePorts(1);
  const [, request = ""] = /Admin\/SetWebhook '([^']*)'/.exec(readme) ?? [];
  const { secret } = await call("Admin/SetWebhook", request.replace("9090", `${port}`));
  writeFileSync(join(folder, "receiver.mjs"), receiver.replace("9090", `${port}`));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const child = Bun.spawn([...endsWithParent(), process.execPath, "receiver.mjs"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", WEBHOOK_SECRET: String(secret) },
    stdout: "pipe",
  });
  const { messageId } = await call("Messages/Send", '{"to":"bob","body":"hi"}');
  let shown = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    shown += decoder.decode(chunk, { stream: true });
    if (shown.includes("\n")) break;
  }
  expect(shown).toMatch(new RegExp(`^\\S+ message\\.stored ${String(messageId)} hi\\n`));
  child.kill();
  await child.exited;
}, 60_000);

// roost webhook and what roost doctor says of webhooks, beside a running server.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Receiver } from "../hooks/receiver.ts";

let folder = "";
let server: ServerProcess;
const receivers: Receiver[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "roost-webhook-"));
  server = await ServerProcess.start(folder, ["--data", folder, "--hook-allow", "127.0.0.0/8"]);
});
afterAll(async () => {
  await server.end("SIGTERM");
  for (const receiver of receivers) await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

const roost = (...words: string[]): Promise<Finished> => run([...words, "--data", folder], folder);

test("a webhook is set, tested, listed and removed; doctor says when it fails", async () => {
  expect((await roost("webhook", "list")).out).toContain("there are no webhooks");
  const made = await roost("webhook", "set", "crm", "--hook-url", "http://127.0.0.1:1/", "--event", "message.stored");
  expect([made.status, made.err]).toEqual([0, expect.stringContaining("was created")]);
  const receiver = new Receiver(made.out.trim());
  receivers.push(receiver);
  const failed = await roost("webhook", "test", "crm");
  expect([failed.status, failed.err]).toEqual([1, expect.stringContaining("cannot be reached")]);
  await roost("api", "Messages/Send", '{"to":"bob","body":"hi"}', "--url", server.api);
  await until(async () => (await roost("webhook", "list")).out.includes("cannot be reached"), "the list says why");
  const doctor = await roost("doctor");
  expect(doctor.out).toMatch(/the webhook crm of the app default has failed \d+ times?: it cannot be reached/);

  const changed = await roost("webhook", "set", "crm", "--hook-url", receiver.url, "--event", "message.stored");
  expect([changed.out, changed.err]).toEqual([made.out, expect.stringContaining("was changed")]);
  expect((await roost("webhook", "test", "crm")).out).toContain("accepted");
  await until(() => receiver.bodies.includes("hi"), "what waited is told");
  const [listed = "{}"] = (await roost("webhook", "list", "--json")).out.split("\n");
  expect(JSON.parse(listed)).toMatchObject({ app: "default", name: "crm", dead: 0, lost: 0 });
  expect((await roost("webhook", "dead", "crm")).out).toContain("nothing was given up");
  expect((await roost("webhook", "replay", "crm")).out).toContain("nothing was given up");
  await until(
    async () => (await roost("doctor")).out.includes("1 webhook, told of all"),
    "doctor says that all is well",
  );
  expect((await roost("webhook", "remove", "crm")).status).toBe(0);
  const gone = await roost("webhook", "test", "crm");
  expect([gone.status, gone.err]).toEqual([1, expect.stringContaining('has no webhook "crm"')]);
});

test("what cannot be a webhook is refused with a sentence", async () => {
  for (const [words, sentence] of [
    [["--hook-url", "ftp://x/", "--event", "message.stored"], "its scheme is ftp"],
    [["--hook-url", "https://a:b@x/", "--event", "message.stored"], "credentials"],
    [["--hook-url", "https://x/", "--event", "message.gone"], "unknown event"],
    [["--hook-url", "https://x/", "--event", "message.stored", "--hook-secret", "short"], "the secret is malformed"],
  ] as const) {
    const { status, err } = await roost("webhook", "set", "crm", ...words);
    expect([status, err]).toEqual([1, expect.stringContaining(sentence)]);
  }
});

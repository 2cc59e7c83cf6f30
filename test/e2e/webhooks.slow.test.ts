// A server that is killed at random loses no event of a webhook: each message that was acknowledged is told at least
// once, those of a conversation in their order, each request with a valid signature.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Receiver, testSecret } from "../hooks/receiver.ts";
import { Random, testSeed } from "../support/random.ts";
import { TalkingBackEnd } from "../support/talking-back-end.ts";

const kills = 6;

let folder = "";
let server: ServerProcess | undefined;
let receiver: Receiver | undefined;
afterEach(async () => {
  await server?.end("SIGKILL");
  await receiver?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("kill -9 at random loses no event, and none is told out of order", async () => {
  const random = new Random(testSeed("webhook kills"));
  folder = mkdtempSync(join(tmpdir(), "roost-webhooks-"));
  const told = (receiver = new Receiver());
  // It fails now and then, too.
  told.judge = () => (random.below(10) === 0 ? 503 : 200);
  const words = ["--data", folder, "--hook-allow", "127.0.0.0/8"];
  let present = (server = await ServerProcess.start(folder, words));
  const set = await run(
    ["webhook", "set", "crm", "--data", folder, "--hook-url", told.url, "--event", "message.stored"].concat([
      "--hook-secret",
      testSecret,
    ]),
    folder,
  );
  expect([set.status, set.out.trim()]).toEqual([0, testSecret]);
  const key = readFileSync(join(folder, "api-key"), "utf8").trim();

  const talking = new TalkingBackEnd(["bob", "cid", "dot"], key, () => present.api);
  for (let at = 0; at < kills; at++) {
    // Delivering again takes some seconds: the lease of the killed process has to end. Some are killed before.
    const before = told.requests.length;
    if (random.below(3) > 0) await until(() => told.requests.length > before, "something is told");
    await Bun.sleep(random.below(1_500));
    await present.end("SIGKILL");
    present = server = await ServerProcess.start(folder, words);
  }
  const total = await talking.end(told);
  console.log(`${total} messages, ${told.events.length} events in ${told.requests.length} requests`);
  expect(total).toBeGreaterThan(50);
  const listed = await run(["webhook", "list", "--data", folder, "--json"], folder);
  expect(JSON.parse(listed.out)).toMatchObject({ name: "crm", dead: 0, lost: 0 });
}, 240_000);

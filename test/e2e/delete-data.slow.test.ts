// The deletion of an account's data by real processes, which are killed in the middle of it.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { Random, testSeed } from "../support/random.ts";

const messages = 12_000;
const kills = 4;
const mark = "a text of an account that is deleted";

let folder = "";
let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.end("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("a deletion goes on after each kill -9, ends, and leaves no text in any file", async () => {
  const random = new Random(testSeed("kills of a deletion"));
  folder = mkdtempSync(join(tmpdir(), "roost-delete-data-"));
  const data = join(folder, "data");
  const start = async (): Promise<ServerProcess> => (server = await ServerProcess.start(folder, ["--data", data]));
  let present = await start();
  const roost = async (...words: string[]): Promise<string> => {
    const { status, out, err } = await run([...words, "--data", data, "--url", present.api, "--app", "shop"], folder);
    expect([words[0], status, err]).toEqual([words[0], 0, ""]);
    return out;
  };
  const lines = Array.from({ length: messages }, (_, i) => {
    const [sender, account] = i % 3 === 0 ? ["bob", "eve"] : ["eve", `friend-${i % 50}`];
    return JSON.stringify({
      message: { sender, account, sendTime: `${1_700_000_000_000_000_000n + BigInt(i)}`, body: `${mark} ${i}` },
    });
  });
  const path = join(folder, "shop.jsonl");
  writeFileSync(path, lines.join("\n"));
  await roost("import", path, "--last");
  const { id }: { id: string } = JSON.parse(await roost("api", "Accounts/DeleteData", '{"account":"eve"}'));
  let killed = 0;
  for (;;) {
    const { state, done = "0" }: { state: string; done?: string } = JSON.parse(
      await roost("api", "Accounts/GetOperation", JSON.stringify({ id })),
    );
    if (state === "done") {
      expect(Number(done)).toBeGreaterThanOrEqual(messages);
      break;
    }
    expect(state).toBe("running");
    if (killed === kills) continue;
    await Bun.sleep(random.below(300));
    await present.end("SIGKILL");
    killed++;
    present = await start();
  }
  expect(killed).toBeGreaterThan(0);
  expect(await roost("export", "-")).not.toContain(mark);
  await present.end("SIGTERM");
  for (const name of readdirSync(data))
    expect([name, readFileSync(join(data, name)).includes(mark)]).toEqual([name, false]);
}, 240_000);

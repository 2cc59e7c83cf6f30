// roost import while the server or the command itself is killed, again and again: every record is stored once, in the
// order of the file, and what a cursor said to be stored is.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { roost as command, ServerProcess } from "../../scripts/harness/server-process.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { roost } from "./run-roost.ts";

const folder = temporaryFolder("import-kills-");
const records = 60_000;
const kills = 6;
const data = join(folder, "data");
const path = join(folder, "records.jsonl");
const words = ["--app", "new", "--name", "all", "--data", data];

/** How many records the import is told to have. */
async function stored(server: ServerProcess): Promise<number> {
  const authorization = `Bearer ${readFileSync(join(data, "api-key"), "utf8").trim()}`;
  const answer = await fetch(`${server.api}/roost.v1.Messages/Import`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization },
    body: JSON.stringify({ app: "new", name: "all" }),
  });
  const { stored: count = "0" }: { stored?: string } = JSON.parse(await answer.text());
  return Number(count);
}

test("an import whose server or command is killed at random is resumed, and stores each record once", async () => {
  const random = new Random(testSeed("kills of an import"));
  const line = (at: number): string =>
    JSON.stringify({
      message: {
        messageId: `${at + 1}`,
        sender: "ann",
        account: "bob",
        sendTime: `${1_700_000_000 + at}`,
        body: `${at}`,
      },
    });
  writeFileSync(path, `${Array.from({ length: records }, (_, at) => line(at)).join("\n")}\n`);
  let server = await ServerProcess.start(folder, ["--data", data]);
  let told = 0;
  for (let kill = 0; kill < kills; kill++) {
    const importing = Bun.spawn([...command, "import", path, ...words, "--url", server.api], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const wanted = told + 1 + random.below(records / kills - 2_000);
    while (told < wanted && importing.exitCode === null) told = await stored(server);
    if (random.once(2)) {
      importing.kill("SIGKILL");
      await importing.exited;
    } else {
      await server.end("SIGKILL");
      expect(await importing.exited).toBe(1);
      server = await ServerProcess.start(folder, ["--data", data]);
    }
    const kept = await stored(server);
    expect(kept).toBeGreaterThanOrEqual(told);
    told = kept;
  }
  const whole = await roost("import", path, ...words, "--url", server.api);
  expect(whole).toMatchObject({ status: 0, out: "The import all has 60,000 records.\n" });
  const { out } = await roost("export", "-", "--app", "new", "--data", data, "--url", server.api);
  const bodies = out
    .trimEnd()
    .split("\n")
    .map((exported) => /"body":"(\d+)"/.exec(exported)?.[1]);
  expect(bodies).toEqual(Array.from({ length: records }, (_, at) => `${at}`));
  expect(await server.end("SIGTERM")).toBe(0);
}, 60_000);

// The first requests to the HTTP API of a process that has just said that it is ready.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-api-first-");

test.each([1, 64])(
  "%d requests as the very first thing are answered, each with its message",
  async (count) => {
    const data = join(folder, String(count));
    const server = await ServerProcess.start(folder, ["--data", data]);
    const authorization = `Bearer ${readFileSync(join(data, "api-key"), "utf8").trim()}`;
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const answer = await fetch(`${server.api}/roost.v1.Messages/Send`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization },
          body: JSON.stringify({ sender: "alice", to: "bob", body: `message ${at}` }),
        });
        return { status: answer.status, body: await answer.text() };
      }),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const ids = answers.map(({ body }) => /"messageId": ?"(\d+)"/.exec(body)?.[1]);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(count);
    expect(await server.end("SIGTERM")).toBe(0);
  },
  60_000,
);

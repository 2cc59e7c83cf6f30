// A server is started on a data folder that an earlier program wrote: an old client reads its messages as before.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { signToken } from "../../src/auth/token.ts";
import { secretsFromFile } from "../../src/auth/secret.ts";
import { readContents, readIndex } from "../support/commands.ts";
import { WireClient } from "../support/wire-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { answersOfKept, sqliteFiles, unpackSqlite } from "../store/kept/kept-stores.ts";

const folder = temporaryFolder("roost-kept-store-");

test("a data folder of schema 6 is served: its index and contents are what they were", async () => {
  const data = join(folder, "data");
  mkdirSync(data);
  unpackSqlite(data);
  const server = await ServerProcess.start(folder, ["--data", data, "--retention", "forever"]);
  try {
    const [secret = new Uint8Array()] = secretsFromFile(join(data, "secret")).keys;
    const client = await WireClient.connect(new URL(server.tcp).host);
    await client.signIn(await signToken(Uint8Array.from(secret), { account: "bob", app: "shop", ttlSeconds: 600 }));
    const answers = answersOfKept(sqliteFiles);
    const index = await readIndex(client, 1n, true);
    const lines = index.map(({ messageId, direction, sendTime, accountB, group }) =>
      [messageId, direction, sendTime, accountB, group].join(" "),
    );
    expect<unknown>(lines).toEqual(answers["index of shop/bob/ after 1, with those sent"]);
    const contents = await readContents(
      client,
      index.map(({ messageId }) => messageId),
    );
    const kept = contents.map(({ messageId, type, body, extra }) =>
      [messageId, type, JSON.stringify(body), extra].join(" "),
    );
    expect(answers["contents for shop/bob"]).toEqual(expect.arrayContaining(kept));
    expect(kept.length).toBe(index.length);
    client.terminate();
  } finally {
    expect(await server.end("SIGTERM")).toBe(0);
  }
}, 60_000);

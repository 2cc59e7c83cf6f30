// The back ends of scripts/examples against the server, as a newcomer starts them: what they send arrives, and comes
// back to them as a webhook.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { readContents, readIndex } from "../support/commands.ts";
import { ExampleBackEnd, exampleMsMax, examples, isInstalled } from "../support/example-back-end.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { WireClient } from "../support/wire-client.ts";

const folder = temporaryFolder("roost-examples-");
const body = "Your parcel is on its way.";

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start(folder, ["--hook-allow", "127.0.0.1"]);
}, 60_000);
afterAll(() => server.end("SIGTERM"));

for (const example of examples)
  test.skipIf(!isInstalled(example))(
    `${example.name}: the token is good, the message arrives, and the server tells of it`,
    async () => {
      const key = readFileSync(join(folder, "data", "api-key"), "utf8").trim();
      const backEnd = await ExampleBackEnd.start(example, server.api, key);
      try {
        const token = await backEnd.line(/^token (\S+)$/m);
        const messageId = BigInt(await backEnd.line(/^sent (\d+)$/m));
        await backEnd.line(new RegExp(`message\\.stored.*${messageId}.*${body}`));
        const client = await WireClient.connect(new URL(server.tcp).host);
        await client.signIn(token);
        const index = await readIndex(client, 1n, false);
        expect(index.map((entry) => entry.messageId)).toContain(messageId);
        const [content] = await readContents(client, [messageId]);
        expect(content?.body).toBe(body);
        client.terminate();
      } finally {
        await backEnd.end();
      }
    },
    exampleMsMax,
  );

// The client library in real Nodes: 20, which has no WebSocket; 22, which tells of a refused connection by an error
// alone;
// 24. Each is run if it is installed or can be.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command } from "../../src/wire/commands.ts";
import { MessageRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { nodeOf } from "../support/node-versions.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";

const root = join(import.meta.dir, "../..");
const source = join(root, "src/sdk/roost-client.ts");
const waitMs = 60_000;

/** Prints what happened as JSON. A time-out of a minute would take longer than the test may. */
const script = (library: string, urls: readonly string[]): string => `
  import { RoostClient } from ${JSON.stringify(library)};
  const seen = [];
  const options = { token: "a token", requestTimeoutMs: ${2 * waitMs} };
  const told = (error) => error.name + ": " + error.message;
  let result;
  try {
    const refused = await RoostClient.connect({ ...options, url: ${JSON.stringify(urls[0])} })
      .catch((error) => error.name);
    const client = await RoostClient.connect({
      ...options,
      url: ${JSON.stringify(urls)},
      on: { message: ({ id, body }) => seen.push([String(id), body]) },
    });
    const stored = await client.talkToUser("bob", { body: "from Node" });
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await client.close();
    result = { refused, account: client.account, stored: String(stored.id), seen };
  } catch (error) {
    result = { error: told(error) };
  }
  console.log(JSON.stringify(result));
`;
const success = {
  refused: "Disconnected",
  account: "alice",
  stored: String(2n ** 62n),
  seen: [
    ["1", "body 1"],
    ["2", "body 2"],
  ],
};

let folder: string;
let bundle: string;
let peer: ScriptedPeer;
let dead: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "roost-node-"));
  const { outputs } = await Bun.build({ entrypoints: [source], target: "node", format: "esm" });
  bundle = (await outputs[0]?.text()) ?? "";
  const gone = ScriptedPeer.start("ws");
  await gone.stop();
  dead = gone.url;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What that Node prints of the script, which imports the library from the URL. */
async function printed(node: string, where: string, library: string): Promise<unknown> {
  const path = join(where, "script.mjs");
  peer = ScriptedPeer.start("ws");
  try {
    peer.received.push(1n);
    peer.on(Command.UserTalk, (request) => {
      request.respond(MessageRespSchema, { messageId: 2n ** 62n });
      request.connection.message("alice", 2n, 1n);
    });
    writeFileSync(path, script(library, [dead, peer.url]));
    const child = Bun.spawn([node, path], { stdout: "pipe", stderr: "pipe" });
    const timer = setTimeout(() => child.kill(), waitMs);
    const [out, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    clearTimeout(timer);
    return out === "" ? { errors } : JSON.parse(out);
  } finally {
    await peer.stop();
  }
}

/** A folder with the bundle and, if wanted, with the package ws. */
function bundled(hasPackage: boolean): { readonly where: string; readonly library: string } {
  const where = mkdtempSync(join(folder, "bundle-"));
  const path = join(where, "roost.mjs");
  writeFileSync(path, bundle);
  if (hasPackage) {
    mkdirSync(join(where, "node_modules"));
    symlinkSync(join(root, "node_modules/ws"), join(where, "node_modules/ws"));
  }
  return { where, library: pathToFileURL(path).href };
}

for (const major of [20, 22, 24]) {
  const found = nodeOf(major);
  const missing = "missing" in found ? found.missing : undefined;
  describe.skipIf(missing !== undefined)(
    `Node ${major}${missing === undefined ? "" : ` (skipped: ${missing})`}`,
    () => {
      const node = "path" in found ? found.path : "";

      test(
        "finds the server that is there, talks and receives",
        async () => {
          const { where, library } = bundled(major === 20);
          expect(await printed(node, where, library)).toEqual(success);
        },
        2 * waitMs,
      );

      test.skipIf(major !== 20)(
        "without the package ws says what to do",
        async () => {
          const { where, library } = bundled(false);
          expect(await printed(node, where, library)).toEqual({
            error: "TypeError: no WebSocket found: use Node 22 or newer, or run npm install ws",
          });
        },
        2 * waitMs,
      );

      test.skipIf(major === 20)(
        "takes the library's source as it is",
        async () => {
          const where = mkdtempSync(join(folder, "source-"));
          expect(await printed(node, where, pathToFileURL(source).href)).toEqual(success);
        },
        2 * waitMs,
      );
    },
  );
}

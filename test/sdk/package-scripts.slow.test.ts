// The npm package of the client library, installed in an empty folder, in scripts of Bun and Node that talk.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { installSdk, type InstalledSdk } from "../support/installed-sdk.ts";
import { Messenger } from "../support/messenger.ts";
import { nodeOf } from "../support/node-versions.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = join(import.meta.dir, "../..");
const where = temporaryFolder("roost-scripts-");
const msMax = 60_000;
let sdk: InstalledSdk;
let server: Messenger;

beforeAll(async () => {
  sdk = installSdk(where);
  server = await Messenger.start();
}, msMax);
afterAll(() => server.stop());

/** Two people talk, one of them with a messenger whose outbox is in a file. Prints what came as JSON. */
const script = `
  import { RoostClient } from "roost-sdk";
  import { Messenger } from "roost-sdk/messenger";
  import { Community } from "roost-sdk/community";
  import { openFileOutbox } from "roost-sdk/file-outbox";
  const [url, aliceToken, bobToken, outbox] = process.argv.slice(2);
  let take;
  const came = new Promise((resolve) => (take = resolve));
  const bob = await RoostClient.connect({ url, token: bobToken, on: { message: take } });
  const alice = await Messenger.connect(
    { url, token: aliceToken, device: "script", outbox: openFileOutbox(outbox) },
    Community.of,
  );
  alice.conversation({ account: bob.account }).send({ body: "from a script" });
  const { sender, body } = await came;
  const { id, leftOut } = await alice.newGroup({ name: "tea", members: [bob.account] });
  const { memberCount } = await Community.of(alice).group(id).detail();
  await Promise.all([alice.close(), bob.close()]);
  console.log(JSON.stringify({ sender, body, leftOut, memberCount }));
`;

/** What the program prints of the script. */
async function printed(program: string, name: string, url: string): Promise<unknown> {
  const path = sdk.write(`${name}.mjs`, script);
  const tokens = await Promise.all([server.token(`alice-${name}`), server.token(`bob-${name}`)]);
  const command = [program, path, url, ...tokens, join(where, `${name}.outbox`)];
  const child = Bun.spawn(command, { cwd: sdk.folder, stdout: "pipe", stderr: "pipe" });
  const timer = setTimeout(() => child.kill(), msMax);
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  clearTimeout(timer);
  return out === "" ? errors : JSON.parse(out);
}
const wanted = (name: string): object => ({
  sender: `alice-${name}`,
  body: "from a script",
  leftOut: [],
  memberCount: 2,
});

for (const transport of ["ws", "tcp"] as const) {
  test(`a script of Bun talks with it over ${transport}`, async () => {
    const name = `bun-${transport}`;
    expect(await printed(process.execPath, name, `${transport}://${server[transport]}`)).toEqual(wanted(name));
  });
}

for (const major of [20, 22, 24]) {
  const found = nodeOf(major);
  const missing = "missing" in found ? ` (skipped: ${found.missing})` : "";
  describe.skipIf(missing !== "")(`Node ${major}${missing}`, () => {
    test("a script talks with it", async () => {
      const node = "path" in found ? found.path : "";
      // What the guide says of Node 20.
      if (major === 20) symlinkSync(join(root, "node_modules/ws"), join(sdk.folder, "node_modules/ws"));
      expect(await printed(node, `node-${major}`, `ws://${server.ws}`)).toEqual(wanted(`node-${major}`));
    });
  });
}

// Clients that are closed while everything is under way leave nothing behind: no error that nobody catches, and nothing
// that keeps the process.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { Messenger as Server } from "../../support/messenger.ts";
import { temporaryPaths } from "../../support/temporary-folder.ts";

const freshPath = temporaryPaths("ending-");
let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());

const node = Bun.which("node");

describe.each(["Bun", "Node"])("%s", (name) => {
  test.skipIf(name === "Node" && node === null)(
    "ends by itself, without an error",
    async () => {
      const script = join(import.meta.dir, "ending-child.ts");
      let program = [process.execPath, script];
      if (name === "Node") {
        const { outputs } = await Bun.build({ entrypoints: [script], target: "node", format: "esm" });
        const bundle = `${freshPath()}.mjs`;
        // Node 20 has no WebSocket of its own.
        symlinkSync(join(import.meta.dir, "../../../node_modules"), join(dirname(bundle), "node_modules"));
        await Bun.write(bundle, (await outputs[0]?.text()) ?? "");
        program = [node ?? "", bundle];
      }
      const [alice, bob] = [await server.token(`alice ${name}`), await server.token(`bob ${name}`)];
      const child = Bun.spawn([...program, `ws://${server.ws}`, alice, bob], { stdout: "pipe", stderr: "inherit" });
      expect(await new Response(child.stdout).text()).toBe("over\n");
      expect(await child.exited).toBe(0);
    },
    60_000,
  );
});

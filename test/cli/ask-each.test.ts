// Processes that are asked side by side, for roost doctor.

import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { askEach } from "../../src/cli/control/ask-each.ts";
import type { ControlPlace } from "../../src/cli/control/ask.ts";
import { openControlSocket } from "../../src/cli/control/control-socket.ts";
import { silentLog } from "../../src/base/log.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A server that takes connections, and says nothing. */
async function silent(): Promise<{ readonly port: number; readonly stop: () => void }> {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens at a port");
  return { port: address.port, stop: () => void server.close() };
}

test("processes are asked side by side; one that hangs is named, and one that is away is passed over", async () => {
  const hanging = await silent();
  const clusterKeys = [new Uint8Array(32).fill(7)];
  const link = (id: string, port: number): ControlPlace => ({
    kind: "link",
    id,
    address: `127.0.0.1:${port}`,
    clusterKeys,
  });
  const folder = temporaryFolder("ask-each-");
  const commands = new ControlCommands({ ping: () => "pong" }, () => undefined);
  const socket = await openControlSocket(folder, commands, silentLog);
  const places = [
    link("one", hanging.port),
    link("two", hanging.port),
    link("away", 1),
    { kind: "socket", folder },
  ] as const;
  const { answers, late } = await askEach(places, "ping", 500);
  expect([answers, late]).toEqual([["pong"], places.slice(0, 2)]);
  await socket?.close();
  hanging.stop();
});

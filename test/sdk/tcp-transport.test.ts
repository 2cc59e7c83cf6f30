// The client's end of a TCP connection, where a bug must neither pass unseen nor leave a connection behind.

import { expect, test } from "bun:test";
import { listenTcp } from "../../src/transport/tcp.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { eventually, Recording, testOptions } from "../transport/recording.ts";

test("a bug while a packet is read ends the connection, tells its owner, and is an uncaught error", async () => {
  const accepted: Recording[] = [];
  const server = listenTcp(
    { host: "127.0.0.1", port: 0 },
    {
      accept(connection) {
        const owner = new Recording(connection);
        accepted.push(owner);
        connection.send(Buffer.from("a packet"));
        return owner;
      },
    },
    testOptions(),
  );
  const script = `
    const { TcpTransport } = await import(${JSON.stringify(import.meta.resolve("../../src/sdk/tcp-transport.ts"))});
    process.on("uncaughtException", (error) => console.log("uncaught: " + error.message));
    const packet = () => {
      throw new Error("a bug in a packet");
    };
    const closed = ({ code }) => console.log("closed: " + code);
    new TcpTransport("tcp://${server.address}", { open() {}, packet, closed });
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  // Nothing is left that would keep it running.
  const said = await new Response(child.stdout).text();
  expect(said.trim().split("\n").toSorted()).toEqual(["closed: 1006", "uncaught: a bug in a packet"]);
  await eventually(() => accepted.length === 1);
  await accepted[0]?.end();
  await server.close(closeNormal);
});

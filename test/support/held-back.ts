// A relay of one client, which holds back what follows the client's first bytes: it then arrives in one piece.

import { connect, createServer } from "node:net";

/** Holds back until there is more than `bytesMin`. Returns the port of the relay to the server at port `to`. */
export function holdingBack(to: number, bytesMin: number): Promise<number> {
  return new Promise((resolve) => {
    const relay = createServer((client) => {
      relay.close();
      const server = connect({ host: "127.0.0.1", port: to, noDelay: true });
      let held = Buffer.alloc(0);
      client.once("data", (first: Buffer) => {
        server.write(first);
        client.on("data", (chunk: Buffer) => {
          held = Buffer.concat([held, chunk]);
          if (held.length <= bytesMin) return;
          client.removeAllListeners("data");
          server.write(held);
          client.pipe(server);
        });
      });
      for (const socket of [client, server]) socket.on("error", () => socket.destroy());
      client.on("close", () => server.destroy());
      server.pipe(client);
    });
    relay.listen(0, "127.0.0.1", () => {
      const address = relay.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

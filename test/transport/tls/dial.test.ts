// Dialling with TLS: what the peer may do before it is a connection.

import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { dialTcp } from "../../../src/transport/tcp.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { Recording, testOptions } from "../recording.ts";

const authority = new TestAuthority(temporaryFolder("roost-dial-tls-"));
const pair = authority.leaf({ extra: "extendedKeyUsage=serverAuth,clientAuth" });
const dialTls = {
  ca: readFileSync(authority.root, "utf8"),
  cert: readFileSync(pair.certificate, "utf8"),
  key: readFileSync(pair.key, "utf8"),
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Dials a peer that does this with the connection; the outcome, and whether the connection has ended. */
async function dialled(
  taken: (socket: Socket) => void,
  connectTimeoutMs = 10_000,
): Promise<{ readonly outcome: string; readonly ended: Promise<void> }> {
  const end = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("close", () => end.resolve());
    socket.on("error", () => undefined);
    socket.resume();
    taken(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  // The server listens at a port.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo;
  const outcome = await dialTcp({ host: "127.0.0.1", port }, (connection) => new Recording(connection), {
    ...testOptions(),
    connectTimeoutMs,
    dialTls,
  }).then(
    () => "connected",
    (error: unknown) => (error instanceof Error ? `${error.message}; ${String(error.cause)}` : ""),
  );
  return { outcome, ended: end.promise };
}

test("a peer that is silent is given up, and its connection is ended", async () => {
  const { outcome, ended } = await dialled(() => undefined, 50);
  expect(outcome).toContain("no answer in 50 ms");
  await ended;
});

test("a peer that answers byte by byte and never finishes is given up, and its connection is ended", async () => {
  const { outcome, ended } = await dialled((socket) => {
    const timer = setInterval(() => socket.write(Buffer.from([22])), 5);
    socket.on("close", () => clearInterval(timer));
  }, 100);
  expect(outcome).toContain("cannot connect to 127.0.0.1");
  await ended;
});

test("a peer that speaks plain text is no connection", async () => {
  const { outcome, ended } = await dialled((socket) => socket.write("\u0002\0\0\0\u0001x"));
  expect(outcome).toContain("the TLS handshake failed");
  await ended;
});

test("a peer that ends the connection is no connection", async () => {
  const { outcome } = await dialled((socket) => socket.end());
  expect(outcome).toMatch(/it ended the TLS handshake; it may not speak TLS|the TLS handshake failed/);
});

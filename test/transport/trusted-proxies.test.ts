// Listeners behind trusted proxies: which client a connection belongs to, and what happens to wrong headers.

import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { createConnection, type Socket } from "node:net";
import { createLog } from "../../src/base/log.ts";
import { Admission } from "../../src/transport/admission.ts";
import { listOfRanges, parseRange } from "../../src/transport/address-ranges.ts";
import { proxyHeaderBytesMax } from "../../src/transport/proxy-header.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import type { Server } from "../../src/transport/transport.ts";
import { TrustedProxies } from "../../src/transport/trusted-proxies.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { type CloseReason, closeLeaving, closeLimit, closeNormal } from "../../src/wire/close-reason.ts";
import { parseCloseText } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { binaryProxyHeader, binaryProxyHeaderOf, textProxyHeader, upgradeRequest } from "../support/proxy-protocol.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { frameOf } from "../support/wire-client.ts";
import { eventually, type Recording, recordingAcceptor, type TestOptions, testOptions, turn } from "./recording.ts";

const host = "127.0.0.1";
const client = "203.0.113.9";
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

const portOf = (server: Server): number => Number(server.address.slice(server.address.lastIndexOf(":") + 1));

/** Options of a listener behind proxies at `cidr`; `lines` gets its log. */
function behind(cidr: string | undefined, lines: string[] = [], unidentifiedMax = 100): TestOptions {
  const range = cidr === undefined ? undefined : parseRange(cidr);
  const ranges = range === undefined ? undefined : listOfRanges([range]);
  const proxies = new TrustedProxies(
    ranges,
    createLog("debug", "text", (line) => lines.push(line)),
    systemClock,
  );
  const admission = new Admission({
    connectionsMax: 1_000,
    overflowMax: 1,
    unidentifiedMax,
    unidentifiedPerAddressMax: 1_000,
    quotaOf: (address) => address,
    met() {},
  });
  return testOptions({ proxies, admission, headWaitMs: 300 });
}

describe("TCP behind a trusted proxy", () => {
  function serve(options: TestOptions, accepted: Recording[] = []) {
    const server = listenTcp({ host, port: 0 }, recordingAcceptor(accepted), options);
    servers.push(server);
    return { server, accepted, options };
  }

  function dial(server: Server) {
    const socket = createConnection({ host, port: portOf(server), noDelay: true });
    sockets.push(socket);
    const received: Buffer[] = [];
    const state = { isEnded: false };
    socket.on("data", (chunk) => received.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
    socket.on("close", () => (state.isEnded = true));
    socket.on("error", () => {});
    /** What it got at its end; undefined if nothing. */
    const told = async (): Promise<CloseReason | undefined> => {
      await eventually(() => state.isEnded);
      const bytes = Buffer.concat(received);
      return bytes[0] === OpCode.Close ? parseCloseText(bytes.subarray(5)) : undefined;
    };
    return { socket, state, told };
  }

  const headers: [string, Buffer, string][] = [
    ["version 1", textProxyHeader(client), client],
    ["version 2", binaryProxyHeaderOf(client), client],
    ["version 1, UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), host],
    ["version 2, LOCAL", binaryProxyHeader(0x20, 0, Buffer.alloc(0)), host],
  ];
  for (const [name, header, address] of headers) {
    test(`the acceptor is asked once the header has come, about the address that it names: ${name}`, async () => {
      const { server, accepted, options } = serve(behind("127.0.0.1/32"));
      const { socket } = dial(server);
      for (const byte of header.subarray(0, -1)) {
        socket.write(Buffer.from([byte]));
        await turn();
      }
      await turn(5);
      expect(accepted).toEqual([]);
      socket.write(header.subarray(-1));
      await eventually(() => accepted.length === 1);
      expect(accepted[0]?.connection.remoteAddress).toBe(address);
      socket.write(frameOf(Buffer.from("hello")));
      await accepted[0]?.framesReach(1);
      expect(options.observer.faults).toEqual([]);
    });

    test(`frames follow in the same read, whole and cut anywhere: ${name}`, async () => {
      const { server, accepted } = serve(behind("127.0.0.1/32"));
      const stream = Buffer.concat([header, frameOf(Buffer.from("one")), frameOf(Buffer.from("two"))]);
      for (let cut = 0; cut <= stream.length; cut++) {
        const { socket } = dial(server);
        socket.write(stream.subarray(0, cut));
        await turn(2);
        socket.write(stream.subarray(cut));
        await eventually(() => accepted.length === cut + 1);
        const owner = accepted[cut];
        await owner?.framesReach(2);
        expect(owner?.frames.map(String)).toEqual(["one", "two"]);
        expect(owner?.connection.remoteAddress).toBe(address);
        socket.end();
      }
    });
  }

  const faults: [string, Buffer][] = [
    ["a frame in its place", frameOf(Buffer.from("hello"))],
    ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`)],
    ["an address that is none", Buffer.from("PROXY TCP4 example.org 198.51.100.1 1 1\r\n")],
    ["version 3", binaryProxyHeader(0x31, 0x11, Buffer.alloc(12))],
    ["a length beyond the bound", binaryProxyHeader(0x21, 0x11, Buffer.alloc(proxyHeaderBytesMax))],
  ];
  for (const [name, bytes] of faults) {
    test(`${name} ends the connection with 1002 and is counted and logged; no acceptor is asked`, async () => {
      const lines: string[] = [];
      const { server, accepted, options } = serve(behind("127.0.0.1/32", lines));
      const { socket, told } = dial(server);
      socket.write(bytes);
      expect((await told())?.code).toBe(1002);
      const other = dial(server);
      other.socket.write(bytes);
      expect((await other.told())?.text).toContain("PROXY protocol");
      expect(accepted).toEqual([]);
      expect(options.observer.faults).toEqual(["proxy-header", "proxy-header"]);
      expect(options.observer.bugs).toEqual([]);
      expect(lines.length).toBe(1);
      expect(lines[0]).toContain('remoteAddress="127.0.0.1"');
    });
  }

  test("the acceptor's refusal reaches the client behind the proxy", async () => {
    const options = behind("127.0.0.1/32");
    const asked: string[] = [];
    const acceptor = {
      accept({ remoteAddress }: { readonly remoteAddress: string }) {
        asked.push(remoteAddress);
        return closeLimit;
      },
    };
    const server = listenTcp({ host, port: 0 }, acceptor, options);
    servers.push(server);
    const { socket, told } = dial(server);
    socket.write(Buffer.concat([textProxyHeader(client), frameOf(Buffer.from("hello"))]));
    expect(await told()).toEqual(closeLimit);
    expect(asked).toEqual([client]);
  });

  test("a header that does not come in time ends the connection with 4008, whatever trickles in", async () => {
    const { server, accepted, options } = serve(behind("127.0.0.1/32"));
    const { socket, told, state } = dial(server);
    socket.write("PRO");
    await eventually(() => socket.bytesWritten === 3);
    await turn(5);
    options.wheel.advance(200);
    socket.write("XY ");
    await turn(5);
    expect(state.isEnded).toBe(false);
    options.wheel.advance(130);
    expect((await told())?.code).toBe(4008);
    expect(accepted).toEqual([]);
  });

  test("it counts as a stranger: beyond their bound the one that has been silent the longest is dropped", async () => {
    const { server, accepted } = serve(behind("127.0.0.1/32", [], 2));
    const first = dial(server);
    first.socket.write("PROXY ");
    await turn(5);
    const second = dial(server);
    second.socket.write("PROXY ");
    await turn(5);
    expect(first.state.isEnded).toBe(false);
    const third = dial(server);
    expect(await first.told()).toBeUndefined();
    third.socket.write(textProxyHeader(client));
    await eventually(() => accepted.length === 1);
    second.socket.write(textProxyHeader("203.0.113.10").subarray(6));
    await eventually(() => accepted.length === 2);
    expect(accepted.map(({ connection }) => connection.remoteAddress)).toEqual([client, "203.0.113.10"]);
  });

  test("those who wait for their header are counted with all connections, and once when it has come", async () => {
    const admission = new Admission({
      connectionsMax: 2,
      overflowMax: 0,
      unidentifiedMax: 100,
      unidentifiedPerAddressMax: 100,
      quotaOf: (address) => address,
      met: () => {},
    });
    const { server, accepted } = serve({ ...behind("127.0.0.1/32"), admission });
    const [first, second] = [dial(server), dial(server)];
    await eventually(() => admission.connections === 2);
    second.socket.write(textProxyHeader(client));
    await eventually(() => accepted.length === 1);
    expect(admission.connections).toBe(2);
    accepted[0]?.connection.identified();
    const third = dial(server);
    expect(await first.told()).toBeUndefined();
    third.socket.write(textProxyHeader(client));
    await eventually(() => accepted.length === 2);
    expect(admission.connections).toBe(2);
    for (const { socket } of [second, third]) socket.destroy();
    await eventually(() => admission.connections === 0);
  });

  test("a peer that leaves before or within the header leaves nothing behind", async () => {
    const { server, accepted, options } = serve(behind("127.0.0.1/32"));
    for (const bytes of ["", "PROXY TCP4 "]) {
      const { socket, state } = dial(server);
      socket.end(bytes);
      await eventually(() => state.isEnded);
      const raw = new RawTcp(portOf(server));
      raw.write(Buffer.from(bytes));
      await turn(5);
      raw.reset();
    }
    await turn(20);
    options.wheel.advance(1_000);
    await server.close(closeLeaving);
    expect(accepted).toEqual([]);
    expect(options.observer.bugs).toEqual([]);
    expect([options.admission?.connections, options.admission?.unidentifiedCount]).toEqual([0, 0]);
  });

  test("a server that closes tells those who wait, and does not wait for them", async () => {
    const { server } = serve(behind("127.0.0.1/32"));
    const { socket, told } = dial(server);
    socket.write("PROXY");
    await eventually(() => socket.bytesWritten === 5);
    await turn(5);
    await server.close(closeLeaving);
    expect(await told()).toEqual(closeLeaving);
  });

  test("others send no header: one from them is a protocol fault, and is logged for the operator once", async () => {
    const lines: string[] = [];
    const { server, accepted, options } = serve(behind("10.0.0.0/8", lines));
    for (const header of [textProxyHeader(client), binaryProxyHeaderOf(client)]) {
      const { socket, told } = dial(server);
      socket.write(Buffer.concat([header, frameOf(Buffer.from("hello"))]));
      expect((await told())?.code).toBe(1002);
    }
    expect(accepted.map(({ connection, frames }) => [connection.remoteAddress, frames.length])).toEqual([
      [host, 0],
      [host, 0],
    ]);
    expect(options.observer.faults).toEqual(["frame", "frame"]);
    expect(lines.filter((line) => line.includes("--trusted-proxies")).length).toBe(1);
  });

  test("a listener without proxies, such as that of links, takes a header for a bad frame, silently", async () => {
    const { server, options } = serve(testOptions());
    const { socket, told } = dial(server);
    socket.write(textProxyHeader(client));
    expect((await told())?.code).toBe(1002);
    expect(options.observer.faults).toEqual(["frame"]);
  });

  test("a bug of the acceptor ends the connection that it was asked about, and the next one is taken", async () => {
    const accepted: Recording[] = [];
    const recording = recordingAcceptor(accepted);
    const options = behind("127.0.0.1/32");
    let asked = 0;
    const server = listenTcp(
      { host, port: 0 },
      {
        accept(connection) {
          if (asked++ === 0) throw new Error("a bug");
          return recording.accept(connection);
        },
      },
      options,
    );
    servers.push(server);
    const { socket, told } = dial(server);
    socket.write(Buffer.concat([textProxyHeader(client), frameOf(Buffer.from("hello"))]));
    expect(await told()).toBeUndefined();
    expect(options.observer.bugs.length).toBe(1);
    const next = dial(server);
    next.socket.write(Buffer.concat([textProxyHeader(client), frameOf(Buffer.from("hello"))]));
    await eventually(() => accepted.length === 1);
    await accepted[0]?.framesReach(1);
  });
});

describe("WebSocket behind a trusted proxy", () => {
  async function addressOf(options: TestOptions, ...lines: string[]): Promise<string> {
    const accepted: Recording[] = [];
    const server = listenWebSocket({ host, port: 0 }, recordingAcceptor(accepted), options);
    servers.push(server);
    const socket = createConnection({ host, port: portOf(server) });
    sockets.push(socket);
    socket.write(upgradeRequest(...lines));
    await eventually(() => accepted.length === 1);
    return accepted[0]?.connection.remoteAddress ?? "";
  }

  test.each([
    ["one address", ["X-Forwarded-For: 203.0.113.9"]],
    ["a claim before it", ["x-forwarded-for: 6.6.6.6, 203.0.113.9"]],
    ["two lines", ["X-Forwarded-For: 6.6.6.6", "X-FORWARDED-FOR: 203.0.113.9:4711, 127.0.0.1"]],
    ["Forwarded beside it", ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=6.6.6.6"]],
    ["a thousand addresses", [`X-Forwarded-For: ${"192.0.2.1, ".repeat(999)}203.0.113.9`]],
  ])("a client is the right-most address that is not trusted: %s", async (_, lines) => {
    const log: string[] = [];
    expect(await addressOf(behind("127.0.0.1/32", log), ...lines)).toBe(client);
    expect(log).toEqual([]);
  });

  test.each([[[]], [["X-Forwarded-For: unknown"]], [["X-Forwarded-For: 203.0.113.9,"]], [["Forwarded: for=6.6.6.6"]]])(
    "is the proxy where no client is named, which is logged: %p",
    async (lines) => {
      const log: string[] = [];
      expect(await addressOf(behind("127.0.0.1/32", log), ...lines)).toBe(host);
      expect(log.length).toBe(1);
      expect(log[0]).toContain("trusted proxy");
    },
  );

  test.each(["10.0.0.0/8", undefined])(
    "the header of others is ignored, with proxies at %p; it is logged",
    async (cidr) => {
      const log: string[] = [];
      const options = behind(cidr, log);
      expect(await addressOf(options, "X-Forwarded-For: 203.0.113.9")).toBe(host);
      expect(await addressOf(options, "X-Forwarded-For: 203.0.113.9")).toBe(host);
      expect(await addressOf(options)).toBe(host);
      expect(log.length).toBe(1);
      expect(log[0]).toContain("--trusted-proxies");
    },
  );
});

// The samples of scripts/proxies: nginx, HAProxy and Caddy as real processes in front of the server, with TLS.

import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import { closeIdle, closeLimit } from "../../src/wire/close-reason.ts";
import { FrontProxy, siteName, whyNot, type ProxyName } from "../support/front-proxy.ts";
import { textProxyHeader, upgradeRequest } from "../support/proxy-protocol.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { connectSecurely, TlsTunnel } from "../support/tls-tunnel.ts";
import { until } from "../../scripts/harness/until.ts";
import { signInFrame, signInMessage } from "../support/bad-sign-in.ts";

/** An address of this machine that limits count, which loopback is not. */
const ownAddress = Object.values(networkInterfaces())
  .flat()
  .find((entry) => entry?.family === "IPv4" && !entry.internal)?.address;

/**
 * Connections outlive a reload. Caddy 2.6 closes them, with a frame that it does not mask towards the server, which
 * answers 1002.
 */
const keepsOpen = (name: ProxyName): boolean => name !== "caddy";

type Way = "wss" | "tls";

/** Bun's WebSocket takes headers, which the types of browsers lack. */
const webSocketOfSite = (url: string): WebSocket =>
  Reflect.construct(WebSocket, [url, { headers: { Host: siteName } }]);

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const ending of endings.splice(0).toReversed()) await ending();
});

/** A server with a proxy in front. */
class Stage {
  readonly server: ServerProcess;
  readonly proxy: FrontProxy;
  readonly folder: string;
  readonly ways: readonly Way[];
  private readonly tunnels = new Map<string, Promise<TlsTunnel>>();

  private constructor(folder: string, server: ServerProcess, proxy: FrontProxy) {
    this.folder = folder;
    this.server = server;
    this.proxy = proxy;
    this.ways = proxy.tls === 0 ? ["wss"] : ["wss", "tls"];
  }

  /** `words`: further ones of the server. `replace`: further texts of the sample. */
  static async set(name: ProxyName, words: readonly string[] = [], replace = {}): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), `roost-${name}-`));
    endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const all = ["--data", folder, "--log-level", "debug", "--trusted-proxies", "127.0.0.1", ...words];
    const server = await ServerProcess.start(folder, all);
    endings.push(() => server.end("SIGKILL"));
    const [ws, tcp] = [server.ws, server.tcp].map((url) => Number(url.slice(url.lastIndexOf(":") + 1)));
    const proxy = await FrontProxy.start(name, { folder: join(folder, name), ws: ws ?? 0, tcp: tcp ?? 0, replace });
    endings.push(() => proxy.stop());
    return new Stage(folder, server, proxy);
  }

  private target(way: Way, address: string): Parameters<typeof connectSecurely>[0] {
    return { port: this.proxy[way], name: siteName, authority: this.proxy.authority, address };
  }

  /** A connection within TLS from an address. */
  connect(way: Way, address = "127.0.0.1"): Socket {
    const socket = connectSecurely(this.target(way, address));
    endings.push(() => socket.destroy());
    socket.on("error", () => undefined).resume();
    return socket;
  }

  /** Signs a client in that comes from an address. */
  async enter(account: string, way: Way, address = "127.0.0.1", more: Partial<ClientOptions> = {}): Promise<Person> {
    const key = `${way} ${address}`;
    const tunnel = this.tunnels.get(key) ?? TlsTunnel.start(this.target(way, address));
    if (!this.tunnels.has(key)) endings.push(async () => (await tunnel).stop());
    this.tunnels.set(key, tunnel);
    const { port } = await tunnel;
    const words = ["token", "--data", this.folder, "--account", account];
    const token = async (): Promise<string> => (await run(words, this.folder)).out.trim();
    return Person.enter({
      url: `${way === "wss" ? "ws" : "tcp"}://127.0.0.1:${port}`,
      token,
      ...more,
      environment: {
        openWebSocket: webSocketOfSite,
        ...more.environment,
      },
    });
  }

  /** True if the server refused a sign-in from an address. */
  hasRefused(address: string): boolean {
    return this.server.log.includes(`a sign-in was refused address="${address}"`);
  }
}

/** A client, and what came to it. */
class Person {
  readonly client: RoostClient;
  readonly heard: string[];
  /** The codes with which its connections ended. */
  readonly ends: number[];

  private constructor(client: RoostClient, heard: string[], ends: number[]) {
    this.client = client;
    this.heard = heard;
    this.ends = ends;
  }

  static async enter(options: ClientOptions): Promise<Person> {
    const heard: string[] = [];
    const ends: number[] = [];
    const client = await RoostClient.connect({
      ...options,
      on: {
        message: ({ body }) => void heard.push(body),
        offline: ({ reason }) => void ends.push(reason.code),
      },
    });
    endings.push(() => client.close());
    return new Person(client, heard, ends);
  }

  async hears(body: string): Promise<void> {
    await until(() => this.heard.includes(body), `${this.client.account} hears ${body}`);
  }
}

/** Resolves when a connection has ended, in whatever way. */
const closed = (socket: Socket): Promise<unknown> =>
  new Promise(
    (resolve) =>
      void socket
        .on("error", () => undefined)
        .on("close", resolve)
        .resume(),
  );

/** True if a connection gets an answer to its request; ends it. */
async function isServed(socket: Socket): Promise<boolean> {
  const answered = new Promise<boolean>((resolve) => {
    socket.once("data", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
  socket.write(upgradeRequest());
  const answer = await answered;
  socket.destroy();
  return answer;
}

/** Sends a sign-in with a bad token, which the server's log names with its client's address. */
async function refused(socket: Socket, way: Way, ...headers: readonly string[]): Promise<void> {
  const ended = closed(socket);
  if (way === "wss") {
    const answered = once(socket, "data");
    socket.write(upgradeRequest(...headers));
    expect(String(await answered)).toContain(" 101 ");
    socket.write(signInMessage);
  } else socket.write(signInFrame);
  await ended;
}

for (const name of ["nginx", "haproxy", "caddy"] as const) {
  const reason = whyNot(name);
  describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (${reason})`, () => {
    test("people talk over WebSocket and TCP within TLS, and count by their own addresses", async () => {
      const stage = await Stage.set(name);
      const people = await Promise.all(
        stage.ways.map((way, at) => stage.enter(`person${at}`, way, `127.0.0.${2 + at}`)),
      );
      const other = await stage.enter("other", "wss", "127.0.0.4");
      for (const [at, person] of people.entries()) {
        await other.client.talkToUser(`person${at}`, { body: "hello" });
        await person.hears("hello");
        await person.client.talkToUser("other", { body: `from ${at}` });
        await other.hears(`from ${at}`);
      }
      const large = "x".repeat(3_000);
      await other.client.talkToUser("person0", { body: large });
      await people[0]?.hears(large);
      for (const [at, way] of stage.ways.entries()) {
        await refused(stage.connect(way, `127.0.0.${5 + at}`), way);
        await until(() => stage.hasRefused(`127.0.0.${5 + at}`), "the log names the client's address");
        await refused(stage.connect(way, "::1"), way);
      }
      await until(() => stage.hasRefused("::1"), "the log names the client's IPv6 address");
      expect(stage.hasRefused("127.0.0.1")).toBe(false);
    });

    test("the address that a client claims is not believed", async () => {
      const stage = await Stage.set(name);
      const forged = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 6.6.6.7, 127.0.0.1", "X-Real-IP: 6.6.6.8"];
      await refused(stage.connect("wss", "127.0.0.3"), "wss", ...forged, "Forwarded: for=6.6.6.9");
      await until(() => stage.hasRefused("127.0.0.3"), "the log");
      if (stage.ways.includes("tls")) {
        const within = stage.connect("tls", "127.0.0.3");
        const ended = closed(within);
        within.write(Buffer.concat([textProxyHeader("6.6.6.6"), signInFrame]));
        await ended;
        const before = connect({ port: stage.proxy.tls, host: "127.0.0.1" });
        const refusal = closed(before);
        before.write(textProxyHeader("6.6.6.6"));
        before.write("\x16\x03\x01 and no handshake");
        await refusal;
      }
      expect(stage.server.log).not.toContain("6.6.6");
    });

    test.skipIf(ownAddress === undefined)(
      "a client at its address's limit does not touch others (needs an address that is not loopback)",
      async () => {
        const stage = await Stage.set(name, ["--limit", "connections-per-address=3"]);
        const other = await stage.enter("other", "wss", "127.0.0.3");
        const [last = "wss"] = stage.ways.toReversed();
        const people: Person[] = [];
        for (const [at, way] of (["wss", last, "wss"] as const).entries())
          people.push(await stage.enter(`person${at}`, way, ownAddress));
        for (const way of stage.ways) {
          const beyond = stage.enter("person3", way, ownAddress, { reconnect: false });
          expect(await beyond.then(String, (error: unknown) => String(error))).toContain(`${closeLimit.code}`);
        }
        const further = await stage.enter("further", last, "127.0.0.3");
        await further.client.talkToUser("other", { body: "there is room" });
        await other.hears("there is room");
        await people[1]?.client.talkToUser("other", { body: "I stay" });
        await other.hears("I stay");
        expect([other, further, ...people].flatMap(({ ends }) => ends)).toEqual([]);
        expect(stage.server.log).toContain('limit="connections-per-address"');
      },
    );

    test("the server ends a silent connection, before the proxy does, and one with heartbeats stays", async () => {
      // 3m and 4m as seconds; Caddy has no such limit.
      const replace = name === "caddy" ? {} : { " 4m": " 4s" };
      const stage = await Stage.set(name, ["--read-wait", "3s"], replace);
      const silent = { heartbeatMs: 50_000, reconnect: false };
      const people = await Promise.all(
        stage.ways.flatMap((way, at) => [
          stage.enter(`lively${at}`, way, "127.0.0.2", { heartbeatMs: 1_000 }),
          stage.enter(`silent${at}`, way, "127.0.0.2", silent),
        ]),
      );
      const [lively, mute] = [0, 1].map((rest) => people.filter((_, at) => at % 2 === rest));
      await until(() => mute?.every(({ ends }) => ends.length > 0) === true, "the silent ones are sent away");
      expect(mute?.flatMap(({ ends }) => ends)).toEqual(stage.ways.map(() => closeIdle.code));
      await Bun.sleep(3_000);
      for (const person of lively ?? []) await person.client.talkToUser("lively0", { body: "I am here" });
      expect(lively?.flatMap(({ ends }) => ends)).toEqual([]);
    });

    test.skipIf(!keepsOpen(name))("a reload loses no message, keeps what is served, and refuses nobody", async () => {
      const stage = await Stage.set(name);
      const people = await Promise.all(stage.ways.map((way, at) => stage.enter(`person${at}`, way)));
      const sender = await stage.enter("sender", "wss");
      const said: string[] = [];
      const over = new AbortController();
      const talking = (async () => {
        while (!over.signal.aborted) {
          const body = `message ${said.length}`;
          for (const at of people.keys()) await sender.client.talkToUser(`person${at}`, { body });
          said.push(body);
        }
      })();
      const comers = { served: 0, refused: 0 };
      const coming = (async () => {
        while (!over.signal.aborted) comers[(await isServed(stage.connect("wss"))) ? "served" : "refused"]++;
      })();
      await until(() => said.length > 5 && comers.served > 5, "they talk, and others come");
      for (const reload of [1, 2]) {
        const [saidBefore, servedBefore] = [said.length, comers.served];
        await stage.proxy.reload();
        await until(
          () => said.length > saidBefore + 20 && comers.served > servedBefore + 20,
          `they talk, and others come, after reload ${reload}`,
        );
      }
      over.abort();
      await Promise.all([talking, coming]);
      for (const person of people) {
        await until(() => person.heard.length >= said.length, "all is heard");
        expect(person.heard).toEqual(said);
      }
      const ends = [sender, ...people].flatMap((person) => person.ends);
      expect({ ends, refused: comers.refused }).toEqual({ ends: [], refused: 0 });
    });

    test("a client whose connection a reload ends is back without losing a message", async () => {
      const stage = await Stage.set(name, [], keepsOpen(name) ? { " 1h": " 1s" } : {});
      const people = await Promise.all(stage.ways.map((way, at) => stage.enter(`person${at}`, way)));
      await stage.proxy.reload();
      const sender = await stage.enter("sender", "wss");
      const said: string[] = [];
      while (!people.every(({ ends, client }) => ends.length > 0 && client.isOnline)) {
        const body = `message ${said.length}`;
        for (const at of people.keys()) await sender.client.talkToUser(`person${at}`, { body });
        said.push(body);
      }
      for (const person of people) {
        await until(() => person.heard.length >= said.length, "all is heard");
        expect(person.heard).toEqual(said);
      }
    });

    test("plain text and rubbish end their own connection, and nothing else", async () => {
      const stage = await Stage.set(name);
      const person = await stage.enter("person", "wss");
      const rubbish = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 197 + 131) & 0xff));
      const post = `POST / HTTP/1.1\r\nHost: ${siteName}\r\nContent-Length: ${rubbish.length}\r\n`;
      for (const way of stage.ways) {
        const plain = [`GET / HTTP/1.1\r\nHost: ${siteName}\r\n\r\n`, rubbish, Buffer.from([0x16, 3, 1, 0xff, 0xff])];
        for (const bytes of plain) {
          const socket = connect({ port: stage.proxy[way], host: "127.0.0.1" });
          const ended = closed(socket);
          socket.end(bytes);
          await ended;
        }
        const within = stage.connect(way, "127.0.0.2");
        const ended = closed(within);
        within.write(
          way === "wss" ? Buffer.concat([Buffer.from(`${post}Connection: close\r\n\r\n`), rubbish]) : rubbish,
        );
        await ended;
      }
      await person.client.talkToUser("person", { body: "still here" });
      expect(person.ends).toEqual([]);
      expect(stage.server.log).not.toMatch(/^\S+Z error /m);
    });
  });
}

test("a connection that is silent for over a minute, a proxy's default, stays; half a handshake does not", async () => {
  const names = (["nginx", "haproxy", "caddy"] as const).filter((name) => whyNot(name) === undefined);
  const heartbeatMs = 50_000;
  const environment: ClientOptions["environment"] = {
    after: (ms, action) => {
      const timer = setTimeout(action, ms === heartbeatMs ? 10 * heartbeatMs : ms);
      return () => clearTimeout(timer);
    },
  };
  await Promise.all(
    names.map(async (name) => {
      const stage = await Stage.set(name);
      const people = await Promise.all(
        stage.ways.map((way) => stage.enter(way, way, "127.0.0.2", { heartbeatMs, environment })),
      );
      const half = stage.ways.flatMap((way) =>
        ["", "\x16\x03\x01"].map((start) => {
          const socket = connect({ port: stage.proxy[way], host: "127.0.0.1" });
          socket.write(start);
          return closed(socket);
        }),
      );
      await Promise.all([Bun.sleep(65_000), ...half]);
      for (const person of people) {
        await person.client.talkToUser("wss", { body: "after a minute" });
        expect(person.ends).toEqual([]);
      }
    }),
  );
}, 120_000);

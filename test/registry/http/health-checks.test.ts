// Instances that the registry asks how they are: over virtual time with scripted answers, and the question itself over
// real HTTP.

import { testLimits } from "../../support/limits.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { limitTable } from "../../../src/base/limits/table.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { registryToken } from "../../../src/auth/registry-token.ts";
import { HealthChecks, probeOverHttp } from "../../../src/registry/node/health-checks.ts";
import { type Instance, Status } from "../../../src/registry/instance.ts";
import type { Register, SetChange } from "../../../src/registry/node/registrar.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { beginNs, identityOf, living, localCaller, ManualNetwork, nodeInfo, registration } from "../support.ts";
import { at, endAll, endLater, eventually, TestNode } from "./support.ts";

const healthUrl = "http://10.0.0.1:9100/health";
const trusted = { ...localCaller, isTrusted: true };

/** A node with its health checks; `isWell` is what each question is answered. */
class Clinic {
  readonly time = new VirtualTime();
  readonly asked: string[] = [];
  /** When each was asked, in milliseconds. */
  readonly askedAtMs: number[] = [];
  isWell = true;
  readonly node: RegistryNode;
  readonly checks: HealthChecks;

  constructor(hasKey = true) {
    this.node = new RegistryNode({
      settings: {
        env: "prod",
        zone: "z1",
        region: "r1",
        address: "10.0.0.9:7171",
        seeds: [],
        version: "1",
        hasKey,
      },
      limits: testLimits(),
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(1),
      network: new ManualNetwork(this.time),
      log: silentLog,
    });
    this.node.start();
    this.checks = new HealthChecks({
      node: this.node,
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(2),
      probe: async (url) => {
        this.asked.push(url);
        this.askedAtMs.push(this.time.nowMs);
        return this.isWell;
      },
      log: silentLog,
    });
  }

  register(change: Partial<Register> = {}, caller = trusted): void {
    const metadata = new Map([["health_url", healthUrl]]);
    this.node.registrar.register(registration({ metadata, ...change }), caller);
  }

  set(change: Partial<SetChange>): void {
    const { env, appid, zone } = identityOf();
    const changes = [{ hostname: "chat-1", status: undefined, metadata: undefined, ...change }];
    this.node.registrar.set({ env, appid, zone, changes, setTimestamp: 0n }, "client");
  }

  get instance(): Instance | undefined {
    return this.node.table.get(identityOf())?.instance;
  }

  /** Status and what the checks have noted; undefined once it is gone. */
  get state(): string | undefined {
    const { instance } = this;
    if (instance === undefined) return undefined;
    return `${instance.status === Status.Up ? "UP" : "WAITING"} ${instance.metadata.get("health") ?? "-"}`;
  }

  /** Lets time pass, and the answers come. */
  async pass(seconds: number): Promise<void> {
    for (let half = 0; half < seconds * 2; half++) {
      this.time.advance(500);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  }
}

describe("an instance with health checks", () => {
  test("is asked within a second, then every 10 s, and lives on without renewals of its own", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(2);
    expect(clinic.asked).toEqual([healthUrl]);
    await clinic.pass(600);
    expect(clinic.asked.length).toBeGreaterThanOrEqual(59);
    expect(clinic.asked.length).toBeLessThanOrEqual(61);
    expect(clinic.state).toBe("UP -");
  });

  test("turns WAITING after 20 s of failures, and UP again when it is well", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.isWell = false;
    await clinic.pass(22);
    expect(clinic.state).toBe("UP -");
    await clinic.pass(10);
    expect(clinic.state).toBe("WAITING failing");
    clinic.isWell = true;
    await clinic.pass(11);
    expect(clinic.state).toBe("UP passing");
    clinic.isWell = false;
    await clinic.pass(35);
    expect(clinic.state).toBe("WAITING failing");
  });

  test("stays UP when it fails now and then", async () => {
    const clinic = new Clinic();
    clinic.register();
    for (let round = 0; round < 20; round++) {
      clinic.isWell = !clinic.isWell;
      await clinic.pass(10);
      expect(clinic.state).toBe("UP -");
    }
  });

  test("that a person has set to WAITING stays so, however well it is", async () => {
    const clinic = new Clinic();
    clinic.register();
    clinic.set({ status: Status.Waiting });
    await clinic.pass(60);
    expect(clinic.state).toBe("WAITING -");
    clinic.isWell = false;
    await clinic.pass(60);
    clinic.isWell = true;
    await clinic.pass(60);
    expect(clinic.state).toBe("WAITING -");
  });

  test("that fails for an hour is given up: it is gone, and asked no more", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.isWell = false;
    await clinic.pass(limitTable.protectedLease.initial / 1_000 - 60);
    expect(clinic.state).toBe("WAITING failing");
    await clinic.pass(300);
    expect(clinic.state).toBeUndefined();
    expect(clinic.checks.size).toBe(0);
    const asked = clinic.asked.length;
    await clinic.pass(300);
    expect(clinic.asked.length).toBe(asked);
  }, 60_000);

  test("is asked no more once it is cancelled, and again once it is back", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.node.registrar.cancel(identityOf(), 0n, "client");
    await clinic.pass(30);
    expect([clinic.checks.size, clinic.state]).toEqual([0, undefined]);
    const asked = clinic.asked.length;
    clinic.register();
    await clinic.pass(2);
    expect(clinic.asked.length).toBe(asked + 1);
  });

  test("that registers without them is asked no more, and has to renew itself", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.register({ metadata: new Map() });
    const asked = clinic.asked.length;
    await clinic.pass(120);
    expect(clinic.asked.length).toBe(asked);
    expect(clinic.state).toBeUndefined();
  });

  test("is asked no more when the checks are stopped, also in the middle of a question", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.checks.stop();
    const asked = clinic.asked.length;
    clinic.register();
    await clinic.pass(60);
    expect([clinic.asked.length, clinic.checks.size]).toEqual([asked, 0]);
  });

  test("is never asked at another host, by another protocol, or for somebody without the key", async () => {
    const clinic = new Clinic();
    const urls = [
      ...["http://10.0.0.2:9100/", "http://10.0.0.1.example/", "http://10.0.0.1@10.0.0.2/", "http://169.254.169.254/"],
      ...["file:///etc/passwd", "tcp://10.0.0.1:1", "ftp://10.0.0.1/", "//10.0.0.1/", "10.0.0.1", "", "http://"],
    ];
    for (const [index, url] of urls.entries())
      clinic.register({ hostname: `h${index}`, metadata: new Map([["health_url", url]]) });
    clinic.register({ hostname: "no address", addrs: ["nonsense"] });
    clinic.register({ hostname: "stranger" }, localCaller);
    await clinic.pass(80);
    expect(clinic.asked).toEqual([]);
  });

  test("may name any port and path of its own, whatever the case of the host", async () => {
    const clinic = new Clinic();
    const addrs = ["tcp://Chat.Example:8100"];
    clinic.register({ addrs, metadata: new Map([["health_url", "https://CHAT.example:1/a?b=c"]]) });
    clinic.register({
      hostname: "v6",
      addrs: ["tcp://[::1]:8100"],
      metadata: new Map([["health_url", "http://[::1]:2/"]]),
    });
    await clinic.pass(2);
    expect(clinic.asked.toSorted()).toEqual(["http://[::1]:2/", "https://chat.example:1/a?b=c"]);
  });

  test("whose URL is changed to another host is asked no more", async () => {
    const clinic = new Clinic();
    clinic.register();
    await clinic.pass(5);
    clinic.set({ metadata: new Map([["health_url", "http://10.0.0.2:9100/"]]) });
    const asked = clinic.asked.length;
    await clinic.pass(60);
    expect(clinic.asked.length).toBe(asked);
  });
});

describe("an address that many instances name", () => {
  const named = (path: string) => new Map([["health_url", `http://10.0.0.1:9100/${path}`]]);

  test("is asked once a second at most, by whatever URLs, and the instances live on", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 200; index++)
      clinic.register({ hostname: `h${index}`, metadata: named(`${index % 100}`) });
    await clinic.pass(300);
    expect(clinic.asked.length).toBeGreaterThan(250);
    const gapsMs = clinic.askedAtMs.slice(1).map((atMs, index) => atMs - (clinic.askedAtMs[index] ?? 0));
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(1_000);
    expect(clinic.checks.size).toBe(200);
    expect(clinic.node.instances("prod", "chat", Status.Up)).toHaveLength(200);
  }, 60_000);

  test("answers for all of those that name one URL", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 50; index++) clinic.register({ hostname: `h${index}`, metadata: named("one") });
    clinic.isWell = false;
    await clinic.pass(60);
    expect(clinic.asked.length).toBeLessThanOrEqual(60);
    expect(clinic.node.instances("prod", "chat", Status.Waiting)).toHaveLength(50);
  });

  test("does not hold up the others", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 50; index++) clinic.register({ hostname: `h${index}`, metadata: named(`${index}`) });
    clinic.register({
      ...{ hostname: "other", addrs: ["tcp://10.0.0.2:1"] },
      metadata: new Map([["health_url", "https://10.0.0.2/"]]),
    });
    await clinic.pass(60);
    expect(clinic.asked.filter((url) => url === "https://10.0.0.2/").length).toBeGreaterThanOrEqual(5);
  });

  test("is one, whether its port is written or not", async () => {
    const clinic = new Clinic();
    const urls = ["http://10.0.0.1/", "http://10.0.0.1:80/a", "https://10.0.0.1:80/"];
    for (const [index, url] of urls.entries())
      clinic.register({ hostname: `h${index}`, metadata: new Map([["health_url", url]]) });
    await clinic.pass(2);
    expect(clinic.asked.length).toBeLessThanOrEqual(2);
  });
});

test("without a key no instance is checked, whether a client, a node or a snapshot asks for it", async () => {
  const clinic = new Clinic(false);
  const metadata = new Map([["health_url", healthUrl]]);
  const state = (hostname: string) => ({ ...living(beginNs, { hostname, metadata }), isProbed: true });
  clinic.node.table.restore(state("of a snapshot"));
  const message = { kind: "replicate", node: nodeInfo(), isSpread: false, renewals: [] } as const;
  clinic.node.replication.onReplicate({ ...message, states: [state("of a node")] });
  clinic.register({ hostname: "of a client" }, trusted);
  await clinic.pass(80);
  expect([clinic.asked, clinic.checks.size]).toEqual([[], 0]);
});

describe("an instance that another node asks", () => {
  /** Its state as that node tells it. */
  const told = (clinic: Clinic, ageMs = 0): void => {
    const version = BigInt(clinic.time.clock(0).wallMs()) * 1_000_000n;
    const state = living(version, { metadata: new Map([["health_url", healthUrl]]) }, ageMs);
    clinic.node.table.merge({ ...state, isProbed: true });
  };

  test("is left to it as long as that one renews it", async () => {
    const clinic = new Clinic();
    told(clinic);
    for (let round = 0; round < 30; round++) {
      await clinic.pass(10);
      clinic.node.registrar.renew(identityOf(), 0n, "replica");
    }
    expect(clinic.asked).toEqual([]);
  });

  test("is taken over before its lease ends when that one is gone", async () => {
    const clinic = new Clinic();
    told(clinic);
    await clinic.pass(44);
    expect(clinic.asked).toEqual([]);
    await clinic.pass(28);
    expect(clinic.asked.length).toBeGreaterThan(0);
    await clinic.pass(300);
    expect(clinic.state).toBe("UP -");
  });
});

describe("the question", () => {
  afterEach(endAll);

  function serverThat(answer: (request: Request) => Response | Promise<Response>): string {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: answer });
    endLater(() => server.stop(true));
    return server.url.href;
  }

  test("is answered well by a status from 200 to 299, and by no other", async () => {
    const url = serverThat((request) => new Response("", { status: Number(new URL(request.url).pathname.slice(1)) }));
    for (const [status, isWell] of [
      [200, true],
      [204, true],
      [299, true],
      [304, false],
      [404, false],
      [500, false],
      [503, false],
    ])
      expect([status, await probeOverHttp(`${url}${String(status)}`)]).toEqual([status, isWell]);
  });

  test("goes nowhere else when it is sent there", async () => {
    let visits = 0;
    const target = serverThat(() => {
      visits++;
      return new Response("");
    });
    expect(await probeOverHttp(serverThat(() => Response.redirect(target, 302)))).toBe(false);
    expect(visits).toBe(0);
  });

  test("does not read an endless answer", async () => {
    let pulls = 0;
    let isLeft = false;
    const url = serverThat(() => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await Bun.sleep(1);
          pulls++;
          controller.enqueue(new Uint8Array(64 * 1024));
        },
        cancel() {
          isLeft = true;
        },
      });
      return new Response(body);
    });
    expect(await probeOverHttp(url)).toBe(true);
    await eventually("the server to be left", () => isLeft);
    expect(pulls).toBeLessThan(1_000);
  });

  test("is not answered by a closed port, by noise, and by silence", async () => {
    const listener = (data: string | undefined): string => {
      const server = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket) {
            if (data !== undefined) socket.end(data);
          },
        },
      });
      endLater(async () => server.stop(true));
      return `http://127.0.0.1:${server.port}/`;
    };
    const answers = ["http://127.0.0.1:1/", listener("noise\r\n\r\n"), listener(""), listener(undefined)].map(
      probeOverHttp,
    );
    expect(await Promise.all(answers)).toEqual([false, false, false, false]);
  });
});

test("a node asks what was registered with its key, over HTTP, and says what it found", async () => {
  try {
    let visits = 0;
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(String(visits++)) });
    endLater(() => server.stop(true));
    const clusterKey = new TextEncoder().encode("the key of this cluster");
    const node = await TestNode.start({ clusterKeys: [clusterKey] });
    const values = { addrs: `tcp://127.0.0.1:1`, metadata: JSON.stringify({ health_url: server.url.href }) };
    const headers = { authorization: `Bearer ${registryToken(clusterKey)}` };
    expect((await node.register(values, { headers })).code).toBe(0);
    await eventually("a visit", () => visits > 0);
    expect(at(await node.instance(), "status")).toBe(1);
  } finally {
    await endAll();
  }
});

// An instance with health checks lives on without renewals of its own, over virtual time and with scripted answers.

import { describe, expect, test } from "bun:test";
import { limitTable } from "../../../src/base/limits/table.ts";
import { Status } from "../../../src/registry/instance.ts";
import { beginNs, identityOf, living, localCaller, nodeInfo } from "../support.ts";
import { healthUrl, trusted, Clinic } from "./clinic.ts";

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

  test("is never asked at another host, by another protocol, or for a registrant without the key", async () => {
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

  test("is left to that node as long as that node renews it", async () => {
    const clinic = new Clinic();
    told(clinic);
    for (let round = 0; round < 30; round++) {
      await clinic.pass(10);
      clinic.node.registrar.renew(identityOf(), 0n, "replica");
    }
    expect(clinic.asked).toEqual([]);
  });

  test("is taken over before its lease ends when that node is gone", async () => {
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

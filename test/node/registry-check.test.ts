// What a process says of registry nodes that do not replicate, in a time that the tests let pass.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { RegistryCheck } from "../../src/node/registry-check.ts";
import type { Listing } from "../../src/registry/client/naming.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { turn } from "../transport/recording.ts";
import { HandNaming } from "../link/hand-naming.ts";

const [one, two, three] = ["http://10.0.0.1:7171", "http://10.0.0.2:7171", "http://10.0.0.3:7171"];

class Process {
  readonly time = new VirtualTime();
  readonly warnings: string[] = [];
  /** How often each service was asked for. */
  readonly asked: string[] = [];
  services = ["chat"];
  answer: (service: string) => Listing = () => ({ listing: [one], lacking: [] });
  readonly check: RegistryCheck;

  constructor(naming: HandNaming = new HandNaming()) {
    this.check = new RegistryCheck({
      naming: Object.assign(naming, {
        whoLists: async (service: string): Promise<Listing> => {
          this.asked.push(service);
          return this.answer(service);
        },
      }),
      timers: this.time.timersOf(() => true),
      log: { ...silentLog, warn: (sentence, fields) => void this.warnings.push(`${sentence}: ${fields?.["reason"]}`) },
      id: "chat-1",
      services: () => this.services,
    });
    this.check.start();
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.time.advance(1_000);
      await turn();
    }
  }
}

test("nodes are asked 15 s after the start and then every minute; if all list the process, it is silent", async () => {
  const process = new Process();
  process.answer = () => ({ listing: [one, two], lacking: [] });
  await process.pass(14);
  expect(process.asked).toHaveLength(0);
  await process.pass(1);
  expect(process.asked).toHaveLength(1);
  await process.pass(59);
  expect(process.asked).toHaveLength(1);
  await process.pass(1 + 120);
  expect(process.asked).toHaveLength(4);
  expect([process.check.trouble, process.check.gaps, process.warnings]).toEqual(["", 0, []]);
});

test("a node that twice in a row does not list the process, while another does, causes one warning", async () => {
  const process = new Process();
  process.answer = () => ({ listing: [one, three], lacking: [two] });
  await process.pass(29);
  expect(process.check.trouble).toBe("");
  await process.pass(200);
  expect(process.check.trouble).toBe(
    `${one}, ${three} list this process, ${two} does not; give each of them --peers with the addresses of all`,
  );
  expect(process.check.gaps).toBe(1);
  expect(process.warnings).toEqual([`registry nodes do not replicate: ${process.check.trouble}`]);
});

test("it ends by itself, and is a warning again when it comes back", async () => {
  const process = new Process();
  process.answer = () => ({ listing: [one], lacking: [two] });
  await process.pass(30);
  expect(process.check.gaps).toBe(1);
  process.answer = () => ({ listing: [one, two], lacking: [] });
  await process.pass(15);
  expect([process.check.trouble, process.check.gaps]).toEqual(["", 0]);
  process.answer = () => ({ listing: [one], lacking: [two] });
  await process.pass(60 + 15);
  expect(process.warnings).toHaveLength(2);
});

test("nodes that lack it once each, as while they are restarted one after the other, are no alarm", async () => {
  const process = new Process();
  let round = 0;
  process.answer = () => (round++ % 2 === 0 ? { listing: [one], lacking: [two] } : { listing: [two], lacking: [one] });
  await process.pass(600);
  expect(process.warnings).toEqual([]);
});

test("a node that does not answer, or a registry that has lost the process everywhere, causes no warning", async () => {
  const process = new Process();
  for (const answer of [
    { listing: [one], lacking: [] },
    { listing: [], lacking: [two] },
    { listing: [], lacking: [one, two] },
    { listing: [], lacking: [] },
  ]) {
    process.answer = () => answer;
    await process.pass(200);
  }
  expect([process.check.trouble, process.warnings]).toEqual(["", []]);
});

test("a gateway is asked for by both of its services, and lacks where it lacks either", async () => {
  const process = new Process();
  process.services = ["wgateway", "tgateway"];
  process.answer = (service) =>
    service === "wgateway" ? { listing: [one, two], lacking: [] } : { listing: [one], lacking: [two] };
  await process.pass(30);
  expect(process.check.trouble).toContain(`${one} lists this process, ${two} does not`);
});

test("two nodes of which each lists one service of a gateway do not replicate", async () => {
  const process = new Process();
  process.services = ["wgateway", "tgateway"];
  process.answer = (service) =>
    service === "wgateway" ? { listing: [one], lacking: [two] } : { listing: [two], lacking: [one] };
  await process.pass(30);
  expect(process.check.trouble).toContain(`${one} lists this process, ${two} does not`);
});

test("nobody is asked before the process is registered, nor after it has been stopped", async () => {
  const process = new Process();
  process.services = [];
  process.answer = () => ({ listing: [one], lacking: [two] });
  await process.pass(100);
  expect(process.asked).toHaveLength(0);
  process.services = ["chat"];
  await process.pass(15);
  expect(process.asked).toHaveLength(1);
  process.check.stop();
  await process.pass(300);
  expect(process.asked).toHaveLength(1);
});

test("a registry in the same process is not asked", async () => {
  const time = new VirtualTime();
  const check = new RegistryCheck({
    naming: new HandNaming(),
    timers: time.timersOf(() => true),
    log: silentLog,
    id: "chat-1",
    services: () => ["chat"],
  });
  check.start();
  time.advance(300_000);
  await turn();
  expect(check.trouble).toBe("");
});

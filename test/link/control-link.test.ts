// An operator's link: a caller that proves to know the key is answered; one that does not, or asks too much at once, is
// closed.

import { afterEach, expect, test } from "bun:test";
import { controlRequestBytesMax } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { askOverLink, operatorService } from "../../src/link/control-link.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { controlAnswer, ControlCommands, controlCommands, controlRequest } from "../../src/observe/control-commands.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { closeAll, clusterKey, LinkEnd, newIdentity, wrongKey } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

afterEach(closeAll);

const about = { role: "chat", id: "c1", version: "1", limits: new Limits(silentLog) } as const;

/** A process that takes links and has no service, as a gateway has none. */
function process(control: ControlCommands | undefined, limits = testLimits()): LinkEnd & { readonly address: string } {
  const end = new LinkEnd(newIdentity("c1", "chat"), [clusterKey], limits);
  const parts = control === undefined ? {} : { control };
  const { address } = end.listen(new LinkListener({ ...end.side, service: undefined, ...parts }));
  return Object.assign(end, { address });
}

function ask(
  address: string,
  request: string,
  clusterKeys: readonly Uint8Array[] = [clusterKey],
  id?: string,
): Promise<string> {
  return askOverLink(request, {
    address,
    tls: undefined,
    id,
    clusterKeys,
    ...systemRuntime,
    wheel: new TimerWheel(),
    flusher: new Flusher(),
  });
}

test("any process of the cluster answers a caller that knows the key", async () => {
  const { address } = process(controlCommands(about, () => undefined));
  const answer = controlAnswer(await ask(address, controlRequest("limits")));
  expect(answer).toMatchObject({ role: "chat", id: "c1" });
  // A key that is being changed: any that both have.
  expect(await ask(address, controlRequest("limits"), [wrongKey, clusterKey])).toContain('"limits"');
  expect(await ask(address, controlRequest("nope"), undefined, "c1")).toContain("this process knows limits");
  await expect(ask(address, controlRequest("limits"), undefined, "c2")).rejects.toThrow("it is c1, and not c2");
});

test("a caller without the key learns nothing", async () => {
  const { address } = process(controlCommands(about, () => undefined));
  await expect(ask(address, controlRequest("limits"), [wrongKey])).rejects.toThrow("it does not know the cluster key");
  // One who claims to know it.
  const identity = newIdentity("operator-1", operatorService);
  const liar = await HandDialler.connect(address, { identity, key: wrongKey });
  await liar.shake();
  liar.connection.send(Buffer.from(controlRequest("limits")));
  await liar.recording.until(() => liar.recording.reasons.length > 0);
  expect(liar.recording.reasons[0]?.code).toBe(CloseCode.Unauthorised);
  expect(liar.recording.frames).toHaveLength(1);
});

test("a process of a version that takes no commands is named as such", async () => {
  const { address } = process(undefined);
  await expect(ask(address, controlRequest("limits"))).rejects.toThrow(
    "it is of a version that cannot be asked; upgrade it",
  );
});

test("an operator's link is no gateway's: nothing of it reaches the service", async () => {
  const node = TestNode.start("c1");
  await expect(ask(node.address, controlRequest("limits"))).rejects.toThrow("it is of a version that cannot be asked");
  expect([node.asked, node.told]).toEqual([[], []]);
});

test("a request is answered before the next is read, and has a bound", async () => {
  const held = Promise.withResolvers<string>();
  const { address } = process(new ControlCommands({ slow: () => held.promise }, () => undefined));
  const operator = async (): Promise<HandDialler> => {
    const dialler = await HandDialler.connect(address, { identity: newIdentity("operator-1", operatorService) });
    await dialler.shake();
    return dialler;
  };
  const hasty = await operator();
  hasty.connection.send(Buffer.from(controlRequest("slow")));
  hasty.connection.send(Buffer.from(controlRequest("slow")));
  await hasty.recording.until(() => hasty.recording.reasons.length > 0);
  expect(hasty.recording.reasons[0]).toEqual({ code: CloseCode.ProtocolFault, text: "one request at a time" });
  const long = await operator();
  long.connection.send(Buffer.alloc(controlRequestBytesMax, " "));
  await long.recording.framesReach(2);
  expect(long.recording.frames[1]?.toString()).toContain("a request is");
  long.connection.send(Buffer.alloc(controlRequestBytesMax + 1, " "));
  await long.recording.until(() => long.recording.reasons.length > 0);
  expect(long.recording.reasons[0]?.code).toBe(CloseCode.TooLarge);
  // The answer to one who has gone disturbs nobody.
  held.resolve("late");
  expect(await ask(address, controlRequest("slow"))).toBe('{"answer":"late"}');
});

/** A link whose operator says nothing for so long, where 7 s of silence are allowed; and the limits of the process. */
async function silentFor(ms: number) {
  const limits = testLimits({ linkSilenceMs: 7_000 });
  const { address, wheel } = process(new ControlCommands({}, () => undefined), limits);
  const dialler = await HandDialler.connect(address, { identity: newIdentity("operator-1", operatorService) });
  await dialler.shake();
  dialler.connection.send(Buffer.from(controlRequest("nope")));
  await dialler.recording.framesReach(2);
  wheel.advance(ms);
  return { dialler, limits };
}

bound("linkSilenceMs", {
  async at() {
    const { dialler, limits } = await silentFor(6_800);
    dialler.connection.send(Buffer.from(controlRequest("nope")));
    await dialler.recording.framesReach(3);
    expect(limits.reached.size).toBe(0);
  },
  async above() {
    const { dialler, limits } = await silentFor(8_000);
    await dialler.recording.until(() => dialler.recording.reasons.length > 0);
    expect(dialler.recording.reasons[0]?.text).toBe("idle for too long");
    expect(limits.reached.get("linkSilenceMs")).toBe(1);
  },
});

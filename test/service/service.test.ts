// A logic service towards its gateways: how it tells them how it is, and how it leaves them.

import { expect, test } from "bun:test";
import type { Context } from "../../src/service/context.ts";
import { decodeLinkState, heartbeatMs, type LinkState } from "../../src/link/link-state.ts";
import { Router } from "../../src/service/router.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import type { FrameHandler } from "../../src/transport/transport.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { BasicCode, basicPong, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { quietService } from "../support/quiet-service.ts";
import { StubConnection } from "../support/stub-connection.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A gateway's end of a link that goes nowhere. */
class PingedConnection extends StubConnection {
  override outbound = Buffer.alloc(64 * 1024);
  /** What it heard of the service. */
  readonly states: LinkState[] = [];
  handler: FrameHandler | undefined;
  override reserve(): number {
    return 0;
  }
  override send(payload: Uint8Array): boolean {
    const packet = decodePacket(payload);
    if (packet.kind !== "basic" || packet.code !== BasicCode.Ping) return true;
    const state = decodeLinkState(packet.body);
    if (state === undefined) queueMicrotask(() => this.handler?.frame(Buffer.from(basicPong), 0, basicPong.length));
    else this.states.push(state);
    return true;
  }
}

/** A service that keeps what it is asked, with two gateways. */
function serviceWithGateways(settled?: () => Promise<void>) {
  const asked: Context[] = [];
  const keep = (): ((context: Context) => void) => (context) => void asked.push(context);
  const router = new Router([keep]);
  const time = new ManualTimers();
  const service = quietService({ clock: time, timers: time, router, ...(settled === undefined ? {} : { settled }) });
  const [one, other] = [new PingedConnection(), new PingedConnection()];
  const handler = service.linked(one, "g1", "i1");
  one.handler = handler;
  other.handler = service.linked(other, "g2", "i2");
  return { time, service, asked, handler, one, other };
}

function ask(handler: FrameHandler, count: number): void {
  const packet = Buffer.from(encodeLogicPacket({ command: "chat.user.talk" }, new Uint8Array(0)));
  for (let sent = 0; sent < count; sent++) handler.frame(packet, 0, packet.length);
}

test("tells every gateway its load with each heartbeat", () => {
  const { time, service, asked, handler, one, other } = serviceWithGateways();
  service.setReady(true);
  ask(handler, 3);
  expect(service.state).toEqual({ isReady: true, load: 3, stores: unknownStores });
  time.advance(heartbeatMs);
  ask(handler, 2);
  time.advance(heartbeatMs - 1);
  for (const context of asked) context.dismiss();
  time.advance(1);
  for (const { states } of [one, other]) {
    expect(states.map(({ isReady, load }) => ({ isReady, load }))).toEqual([
      // Once when it is linked, once when it has come of age, and then every few seconds.
      { isReady: false, load: 0 },
      { isReady: true, load: 0 },
      { isReady: true, load: 3 },
      { isReady: true, load: 0 },
    ]);
  }
});

test("a drain says at once that nothing more may be sent, waits for requests in flight, closes with 1012", async () => {
  const { time, service, asked, handler, one, other } = serviceWithGateways();
  service.setReady(true);
  ask(handler, 2);
  const drained = service.drain(5_000);
  for (const { states } of [one, other]) expect(states.at(-1)).toMatchObject({ isReady: false, load: 2 });
  asked[0]?.dismiss();
  await time.pass(2_000, 100);
  expect(one.reasons).toEqual([]);
  // What a gateway had sent before it heard of it is answered, too.
  ask(handler, 1);
  asked[1]?.dismiss();
  await time.pass(2_000, 100);
  expect(one.reasons).toEqual([]);
  asked[2]?.dismiss();
  await time.during(drained);
  for (const { reasons } of [one, other]) expect(reasons.map(({ code }) => code)).toEqual([CloseCode.Leaving]);
});

test("a drain gives up on requests that are never answered", async () => {
  const { time, service, handler, one } = serviceWithGateways();
  ask(handler, 1);
  const drained = service.drain(5_000);
  await time.pass(4_900, 100);
  expect(one.isOpen).toBe(true);
  await time.during(drained);
  expect(one.reasons.map(({ code }) => code)).toEqual([CloseCode.Leaving]);
  expect(service.unanswered).toBe(1);
});

test("a drain closes no link before what is still to be pushed has left, for a bounded time", async () => {
  const pushed = Promise.withResolvers<void>();
  const { time, service, one } = serviceWithGateways(() => pushed.promise);
  const drained = service.drain(5_000);
  await time.pass(4_900, 100);
  expect(one.isOpen).toBe(true);
  pushed.resolve();
  await time.during(drained);
  expect(one.isOpen).toBe(false);

  const never = serviceWithGateways(() => new Promise(() => {}));
  await never.time.during(never.service.drain(5_000));
  expect(never.one.isOpen).toBe(false);
});

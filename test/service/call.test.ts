// A back end's request inside the process: the same chain of handlers, without a session.

import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { recover } from "../../src/service/middleware/recover.ts";
import { requireConversations } from "../../src/service/middleware/feature.ts";
import { requireSession } from "../../src/service/middleware/session.ts";
import { Refusal } from "../../src/service/refusal.ts";
import { type Handler, Router } from "../../src/service/router.ts";
import { MessageReqSchema, MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";

const bugs: unknown[] = [];
const witness = {
  rareLog: new RareLog(silentLog, systemClock),
  metrics: { bug: (error: unknown) => void bugs.push(error) },
};
class NoSessions extends MemorySessions {
  override locate(): never {
    throw new Error("a back end has no session to look up");
  }
}
const sessions = new NoSessions();

function routerOf(handler: Handler): Router {
  const router = new Router([recover(witness), requireSession(sessions), requireConversations()]);
  router.handle("test", handler);
  return router;
}

const body = Buffer.from(toBinary(MessageReqSchema, create(MessageReqSchema, { body: "hi" })));
const call = { command: "test", app: "app", account: "ann", dest: "bob", body, receivedMs: 7 };

test("runs without a session and is charged to nobody", async () => {
  const router = routerOf((context) => {
    const { app, account, dest, channelId, payer, isBackEnd, receivedMs } = context;
    expect({ app, account, dest, channelId, payer, isBackEnd, receivedMs }).toEqual({
      app: "app",
      account: "ann",
      dest: "bob",
      channelId: "",
      payer: "",
      isBackEnd: true,
      receivedMs: 7,
    });
    expect(context.body(MessageReqSchema).body).toBe("hi");
    context.respond(MessageRespSchema, { messageId: 5n });
  });
  const { status, body: answer } = await router.call(call);
  expect(status).toBe(Status.Success);
  expect(Buffer.from(answer)).toEqual(
    Buffer.from(toBinary(MessageRespSchema, create(MessageRespSchema, { messageId: 5n }))),
  );
});

test("the answer is a copy, and there is one", async () => {
  const shared = Buffer.from("first");
  const router = routerOf((context) => {
    context.respondView(shared);
    shared.write("other");
    context.respondView(shared);
    context.refuse(Status.Forbidden, "late");
  });
  const { status, body: answer } = await router.call(call);
  expect({ status, answer: Buffer.from(answer).toString() }).toEqual({ status: Status.Success, answer: "first" });
});

test("a refusal is a status and a sentence, a bug is counted and says nothing", async () => {
  const refused = await routerOf(() => {
    throw new Refusal(Status.Forbidden, "you may not");
  }).call(call);
  expect(refused).toMatchObject({ status: Status.Forbidden, sentence: "you may not" });
  const failed = await routerOf(async () => {
    await Promise.resolve();
    throw new Error("secret");
  }).call(call);
  expect(failed).toMatchObject({ status: Status.SystemException, sentence: "the server failed, try again" });
  expect(bugs.length).toBe(1);
});

test("what only gateways ask is refused, an unknown command is not implemented", async () => {
  const router = routerOf((context) => void context.link.gateway);
  expect(await router.call(call)).toMatchObject({ status: Status.InvalidCommand, sentence: "test is for gateways" });
  expect((await router.call({ ...call, command: "no" })).status).toBe(Status.NotImplemented);
});

// What becomes of a talk whose push fails: the sender does not hear of it, because the message is stored.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { Context, type GatewayLink } from "../../src/service/context.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { AccountRates } from "../../src/roles/chat/account-rates.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { FanOut } from "../../src/roles/chat/fan-out.ts";
import { FanOutAllowance } from "../../src/roles/chat/fan-out-allowance.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { Notices } from "../../src/roles/chat/notices.ts";
import { Reads } from "../../src/roles/chat/reads.ts";
import { TalkPipeline } from "../../src/roles/chat/talk-pipeline.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { Command } from "../../src/wire/commands.ts";
import { MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { testLimits } from "../support/limits.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRuntime } from "../../src/base/runtime.ts";

/** Sessions of an engine that has gone away. */
function lostSessions(): Sessions {
  const memory = new MemorySessions();
  return {
    isHealthy: false,
    put: memory.put.bind(memory),
    restore: memory.restore.bind(memory),
    remove: memory.remove.bind(memory),
    removeGateway: memory.removeGateway.bind(memory),
    locate: () => Promise.reject(new Error("the session engine went away")),
    renew: memory.renew.bind(memory),
    suspect: memory.suspect.bind(memory),
    watchPresence: memory.watchPresence.bind(memory),
    watchLoss: memory.watchLoss.bind(memory),
    close: memory.close.bind(memory),
  };
}

test("a push that fails leaves the message stored and the sender with Success", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-pipeline-"));
  const store = await openSqliteStore({
    path: join(folder, "m.db"),
    retentionDays: 0,
    log: silentLog,
  });
  const sessions = lostSessions();
  const answered = Promise.withResolvers<void>();
  const outbound = Buffer.alloc(4096);
  const connection: Connection = {
    remoteAddress: "gate/1",
    isOpen: true,
    unsentBytes: 0,
    frameBytesMax: 1,
    outbound,
    reserve: (bytes) => {
      queueMicrotask(answered.resolve);
      expect(bytes).toBeLessThan(outbound.length);
      return 0;
    },
    identified() {},
    handOver() {},
    unreserve() {},
    send: () => true,
    close() {},
    fail() {},
  };
  const backlog = new LinkBacklog("gate", connection, systemTimers);
  const link: GatewayLink = { gateway: "gate", incarnation: "1", unanswered: 0, backlog, connection };
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  const packet = Buffer.from(
    encodeLogicPacket(
      {
        command: Command.UserTalk,
        sequence: 7,
        dest: "bob",
        channelId: "c",
        meta: [meta("app", "app"), meta("account", "alice")],
      },
      new Uint8Array(0),
    ),
  );
  const scan = new PacketScan();
  scanPacket(packet, scan);
  const context = new Context(link, packet, scan, Command.UserTalk, "app", 0);
  const metrics = new Metrics();
  const dispatcher = new Dispatcher();
  const limits = testLimits();
  const audience = new GroupAudience(store, sessions);
  const allowance = new FanOutAllowance(limits, systemRuntime.clock);
  const fanOut = new FanOut({ dispatcher, sessions, bytesMax: 1024, soon: systemTimers.soon });
  const rareLog = new RareLog(silentLog);
  const pipeline = new TalkPipeline({
    store,
    sessions,
    dispatcher,
    audience,
    allowance,
    fanOut,
    notices: new Notices({ audience, allowance, fanOut, limits, rareLog }, systemRuntime),
    reads: new Reads(limits, systemRuntime),
    ...systemRuntime,
    latency: metrics.talkLatency,
    metrics: metrics.forService("chat", "chat"),
    limits,
    rates: new AccountRates(limits, systemRuntime.clock),
    rareLog,
  });
  const talk = {
    app: "app",
    sender: "alice",
    toGroup: false,
    dest: "bob",
    type: 1,
    body: "kept",
    extra: "",
    clientId: "",
  };
  pipeline.add(context, talk);
  await answered.promise;
  const length = 8 + outbound.readUInt32BE(4);
  const answer = decodePacket(outbound.subarray(0, length + 4 + outbound.readUInt32BE(length)));
  expect(answer).toMatchObject({ kind: "logic", header: { status: Status.Success, sequence: 7 } });
  const query = { app: "app", account: "bob", device: "", after: 1n, includeSent: false, limit: 10 };
  expect(await store.index(query)).toHaveLength(1);
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

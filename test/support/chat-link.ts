// A chat service with the link of one gateway, on which a test asks as signed-in connections would.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { featuresOf } from "../../src/session/sessions.ts";
import type { Store } from "../../src/store/store.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { MetaKey } from "../../src/wire/commands.ts";
import { Flag } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { encodeStamp, stampedBytes, writeStamped } from "../../src/wire/packet-stamp.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { FrameKeeper } from "./lone-gateway.ts";
import { testLimits } from "./limits.ts";
import type { Answer } from "./wire-client.ts";

const gateway = "gate";
/** A store of files answers after some hundreds of turns, where many ask it at once. */
const turnsMax = 100_000;
export const app = "app";

/** Passed on for connections with everything, and for those of a former release. */
export const newer = ["renew", "conversations"] as const;
export const older = ["renew"] as const;

/** A push as the gateway gets it. */
interface LinkPush {
  readonly command: string;
  readonly channels: readonly string[];
  /** How many of the channels get only the first bytes of the body, and how many bytes. */
  readonly plain: { readonly bytes: number; readonly count: number } | undefined;
  readonly body: Uint8Array;
}

/** `overrides`: of the assembly, such as another time. */
export function chatLink(
  store: Store,
  values: Parameters<typeof testLimits>[0] = {},
  overrides: Partial<Parameters<typeof createChatService>[0]> = {},
) {
  const sessions = new MemorySessions();
  const metrics = new Metrics();
  const limits = testLimits(values);
  const service = createChatService({
    ...defaultSettings("chat"),
    store,
    sessions,
    metrics: metrics.forService("chat-1", "chat"),
    latency: metrics.talkLatency,
    ...systemRuntime,
    limits,
    control: new ControlCommands({}, () => undefined),
    log: silentLog,
    ...overrides,
  });
  const connection = new FrameKeeper();
  const link = service.linked(connection, gateway, "1");
  let sequence = 0;

  /** Signs in a connection whose device and channel id are `channelId`. */
  const signIn = (account: string, channelId: string, features: readonly string[]): unknown =>
    sessions.put(app, account, { device: channelId, channelId, gateway, incarnation: "1", ...featuresOf(features) });

  const answerTo = (asked: number): LogicPacket | undefined =>
    connection.packets.find(({ header }) => header.flag === Flag.Response && header.sequence === asked);

  const requestBytes = async (
    [account, channelId]: readonly [account: string, channelId: string],
    command: string,
    body: Uint8Array,
    dest = "",
  ): Promise<Answer> => {
    const asked = ++sequence;
    const packet = Buffer.from(encodeLogicPacket({ command, dest, sequence: asked }, body));
    const scan = new PacketScan();
    scanPacket(packet, scan);
    const stamp = encodeStamp(channelId, app, account, gateway);
    const stamped = Buffer.alloc(stampedBytes(scan, stamp.length, asked));
    writeStamped(stamped, 0, packet, scan, stamp, asked);
    link.frame(stamped, 0, stamped.length);
    for (let turn = 0; turn < turnsMax; turn++) {
      const answer = answerTo(asked);
      if (answer !== undefined) return { header: answer.header, status: answer.header.status, body: answer.body };
      await Bun.sleep(0);
    }
    throw new Error(`no answer to ${command}`);
  };

  return {
    service,
    sessions,
    metrics,
    limits,
    connection,
    signIn,
    /** Ends the gateway's link, as a crash does. */
    lose: (): void => link.closed(closeAbnormal),
    requestBytes,
    /** Sends a request as a connection of an account, and waits for its answer. */
    request: <Desc extends DescMessage>(
      by: readonly [account: string, channelId: string],
      command: string,
      schema: Desc,
      init: MessageInitShape<Desc>,
      dest = "",
    ): Promise<Answer> => requestBytes(by, command, toBinary(schema, create(schema, init)), dest),
    /** The pushes to clients so far. */
    pushes: (): LinkPush[] =>
      connection.packets.flatMap(({ header, body }) => {
        const meta = new Map(header.meta.map(({ key, value }) => [key, value]));
        const channels = meta.get(MetaKey.DestChannels);
        if (header.flag !== Flag.Push || channels === undefined) return [];
        const [bytes = 0, count = 0] = meta.get(MetaKey.DestPlain)?.split(",").map(Number) ?? [];
        const plain = meta.has(MetaKey.DestPlain) ? { bytes, count } : undefined;
        return [{ command: header.command, channels: channels.split(","), plain, body }];
      }),
  };
}

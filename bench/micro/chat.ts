// A chat node's whole step for talks, between a gateway's link and a store that commits at once.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { TalkOutcome } from "../../src/store/store.ts";
import { talkStore } from "../../test/support/talk-store.ts";
import type { Topic } from "./case.ts";
import {
  app,
  gateway,
  messageId,
  receiver,
  receiverChannel,
  sender,
  senderChannel,
  sendTime,
  stampedTalk,
} from "./sample.ts";
import { SinkConnection } from "./sink.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

const talksInTurn = 32;

const stored: TalkOutcome = {
  result: "stored",
  messageId,
  sendTime,
  previousId: messageId - 4_194_304n,
  previousEntryId: 0n,
  groupVersion: 0n,
  repeated: false,
  writtenHere: true,
  madeAccount: false,
};

const store = talkStore(stored);

export async function chatTopic(): Promise<Topic> {
  const sessions = new MemorySessions();
  const location = { device: "", gateway, incarnation: "1" };
  await sessions.put(app, sender, { ...location, channelId: senderChannel });
  await sessions.put(app, receiver, { ...location, channelId: receiverChannel });
  const metrics = new Metrics();
  const service = createChatService({
    ...defaultSettings("chat"),
    store,
    sessions,
    metrics: metrics.forService("chat-1", "chat"),
    latency: metrics.talkLatency,
    ...systemRuntime,
    limits: new Limits(silentLog),
    control: new ControlCommands({}, () => undefined),
    log: silentLog,
  });
  const connection = new SinkConnection();
  const link = service.linked(connection, gateway, "1");
  const talk = async (talks: number): Promise<number> => {
    const frames = connection.frames + 2 * talks;
    for (let left = talks; left > 0; left--) link.frame(stampedTalk, 0, stampedTalk.length);
    // An answer and a push for each; they come in microtasks.
    while (connection.frames < frames) await Promise.resolve();
    return frames;
  };
  return {
    cases: [
      { name: "chat/a talk, answered and pushed", run: () => talk(1) },
      { name: `chat/${talksInTurn} talks in a turn, answered and pushed`, run: () => talk(talksInTurn) },
    ],
    close: () => service.drain(0),
  };
}

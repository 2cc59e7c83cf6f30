// All topics, in the order of a message's way; each opens with its cases ready to run.

import type { Topic } from "./case.ts";
import { bodiesTopic } from "./bodies.ts";
import { chatTopic } from "./chat.ts";
import { conversationsTopic } from "./conversations.ts";
import { clientBodiesTopic } from "./client-bodies.ts";
import { dnsTopic } from "./dns.ts";
import { frameReaderTopic } from "./frame-reader.ts";
import { gatewayTopic } from "./gateway.ts";
import { idsTopic } from "./ids.ts";
import { outboundTopic } from "./outbound.ts";
import { packetsTopic } from "./packets.ts";
import { presenceTopic } from "./presence.ts";
import { registryJsonTopic } from "./registry-json.ts";
import { registryTableTopic } from "./registry-table.ts";
import { rightsTopic } from "./rights.ts";
import { selectorsTopic } from "./selectors.ts";
import { sessionsTopic } from "./sessions.ts";
import { storeTopic } from "./store.ts";
import { timerWheelTopic } from "./timer-wheel.ts";
import { tokensTopic } from "./tokens.ts";

/** How to open each topic; its cases' names begin with its own. */
export const topics: ReadonlyMap<string, () => Topic | Promise<Topic>> = new Map<string, () => Topic | Promise<Topic>>([
  ["frame-reader", frameReaderTopic],
  ["packets", packetsTopic],
  ["bodies", bodiesTopic],
  ["client-bodies", clientBodiesTopic],
  ["outbound", outboundTopic],
  ["timer-wheel", timerWheelTopic],
  ["selectors", selectorsTopic],
  ["tokens", tokensTopic],
  ["gateway", gatewayTopic],
  ["sessions", sessionsTopic],
  ["ids", idsTopic],
  ["store", storeTopic],
  ["conversations", conversationsTopic],
  ["rights", rightsTopic],
  ["chat", chatTopic],
  ["presence", presenceTopic],
  ["registry-table", registryTableTopic],
  ["registry-json", registryJsonTopic],
  ["dns", dnsTopic],
]);

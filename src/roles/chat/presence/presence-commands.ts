// The commands of presence and of signals, and what works for them while a chat service runs.

import type { Handler } from "../../../service/router.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Location } from "../../../session/sessions.ts";
import { Command, type CommandName } from "../../../wire/commands.ts";
import { Status } from "../../../wire/gen/pkt_pb.ts";
import { isPressed } from "../admit-delivery.ts";
import type { ChatParts } from "../chat-parts.ts";
import { Watches } from "./watches.ts";
import { PresenceBlocks } from "./presence-blocks.ts";
import { PresencePushes } from "./presence-pushes.ts";
import { presenceRequestBytesMax, presenceUnwatch, presenceWatch } from "./presence-watch.ts";
import { Seen } from "./seen.ts";
import { signal } from "../signal.ts";

const noBody = new Uint8Array(0);
/** Connections of one packet that tells them to watch again. */
const syncAtOnce = 1_000;

interface PresenceCommands {
  /** With the length of the longest request in bytes, where that is no short one (short-requests.ts). */
  readonly commands: readonly (readonly [CommandName, Handler, number?])[];
  /** A gateway's link broke: its clients are told to watch again. */
  gatewayLost(gateway: string): void;
  /** Ends all watches; resolves when what is known of who was seen is stored. */
  stop(): Promise<void>;
}

const nothing = { gatewayLost: () => undefined, stop: () => Promise.resolve() };

/** Assembles them. Without `isOn`, nobody may watch. */
export function presenceCommands(parts: ChatParts, isOn: boolean): PresenceCommands {
  const { store, sessions, dispatcher, metrics, limits, clock, timers } = parts;
  const { people } = store;
  const signals = [Command.Signal, signal(parts, people)] as const;
  if (!isOn) {
    const off: Handler = () => {
      throw new Refusal(Status.Forbidden, "presence is turned off on this server");
    };
    return { commands: [[Command.PresenceWatch, off], [Command.PresenceUnwatch, off], signals], ...nothing };
  }
  const time = { clock, timers };
  const watches = new Watches();
  limits.measure("presenceWatches", () => watches.size);
  limits.measure("watchesPerConnection", () => watches.largest);
  const seen = new Seen(people, metrics, time);
  const left = (app: string, account: string): void => seen.left(app, account);
  const pushes = new PresencePushes({
    ...{ watches, sessions, dispatcher, metrics, left, ...time },
    isPressed: () => isPressed(parts),
  });
  const blocks = new PresenceBlocks({ watches, people, metrics, ended: () => pushes.arm(), ...time });
  const endReplaced = store.watchReplacement(() => {
    blocks.forget();
    tellToWatchAgain(parts, watches.endAll());
  });
  return {
    commands: [
      [Command.PresenceWatch, presenceWatch(parts, { people, watches, pushes, blocks, seen }), presenceRequestBytesMax],
      [Command.PresenceUnwatch, presenceUnwatch({ watches }), presenceRequestBytesMax],
      signals,
    ],
    gatewayLost: (gateway) => watches.endGateway(gateway),
    stop: () => {
      endReplaced();
      pushes.stop();
      blocks.forget();
      watches.endAll();
      return seen.write();
    },
  };
}

/** Sends `chat.sync`, in several turns when there are many. */
function tellToWatchAgain(parts: Pick<ChatParts, "dispatcher" | "timers">, locations: readonly Location[]): void {
  if (locations.length === 0) return;
  const head = { command: Command.Sync, channelId: "", sequence: 0, dest: "" };
  parts.dispatcher.push(head, noBody, [locations.slice(0, syncAtOnce)], "");
  parts.timers.soon(() => tellToWatchAgain(parts, locations.slice(syncAtOnce)));
}

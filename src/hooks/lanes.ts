// The lanes of all endpoints that are told what the log says, with one reader of the log. They run in the thread that
// starts them; a server starts them in one of their own (thread/lane-thread.ts).

import type { Sessions } from "../session/sessions.ts";
import type { Endpoint, HookReads, HookStore, Lane as LaneName } from "../store/hooks.ts";
import type { Store } from "../store/store.ts";
import { Lane } from "./lane.ts";
import type { LaneParts } from "./lane-parts.ts";
import type { LaneSource } from "./lane-source.ts";
import { LogSource } from "./log-source.ts";
import { LogWindow } from "./log-window.ts";
import { UndeliveredSource } from "./undelivered-source.ts";

export interface LanesParts extends Omit<LaneParts, "endpoint" | "lane" | "source"> {
  readonly store: HookReads;
  readonly conversations: Pick<Store, "conversations">;
  readonly sessions: Pick<Sessions, "locate">;
}

export interface RunningLanes {
  /** Resolves when nothing more is sent or saved. */
  stop(): Promise<void>;
}

/**
 * Starts lanes of endpoints that have some. `failed`: they have ended by themselves, others have to be started;
 * `stopping` is aborted when nobody waits for their start any more.
 */
export type StartLanes = (
  parts: LanesParts & {
    readonly store: Pick<HookStore, keyof HookReads | "serialized" | "file">;
    readonly failed: () => void;
    readonly stopping: AbortSignal;
  },
  endpoints: readonly Endpoint[],
) => Promise<RunningLanes>;

/** Starts lanes in this thread, where the store says that each is; rejects with StoreUnavailable. */
export async function startLanes(parts: LanesParts, endpoints: readonly Endpoint[]): Promise<RunningLanes> {
  const { store, clock, conversations, sessions, pace } = parts;
  const events = new Set(endpoints.flatMap((endpoint) => endpoint.events));
  const window = new LogWindow(
    store,
    {
      apps: [...new Set(endpoints.map(({ app }) => app))],
      hasMessages: events.has("message.stored") || events.has("message.undelivered"),
      hasEntries: events.has("message.edited") || events.has("message.recalled") || events.has("group.changed"),
    },
    () => clock.monotonicMs(),
  );
  const batches = await Promise.all(endpoints.map(({ id }) => store.waiting(id)));
  const ofUndelivered = { store, conversations, sessions, clock, acknowledgeMs: pace.acknowledgeMs };
  const lanes = endpoints.flatMap((endpoint, at) => {
    const waiting = batches[at] ?? [];
    const laneFor = (lane: LaneName, source: LaneSource): Lane =>
      new Lane(
        { ...parts, endpoint, lane, source },
        waiting.filter((batch) => batch.lane === lane),
      );
    const names = lanesOf(endpoint);
    const log = names.includes("log") ? laneFor("log", new LogSource(endpoint, window, store)) : undefined;
    const isToldOfStored = endpoint.events.includes("message.stored");
    const isKnown = (conversation: string, messageId: bigint): boolean =>
      log === undefined || !isToldOfStored || log.hasTold(conversation, messageId);
    const undelivered = names.includes("undelivered")
      ? laneFor("undelivered", new UndeliveredSource(endpoint, window, { ...ofUndelivered, isKnown }))
      : undefined;
    return [log, undelivered].filter((lane) => lane !== undefined);
  });
  return { stop: async () => void (await Promise.all(lanes.map((lane) => lane.stop()))) };
}

/** Whether an endpoint is told something of the log. */
export function hasLanes(endpoint: Endpoint): boolean {
  return lanesOf(endpoint).length > 0;
}

/** The lanes of which an endpoint is told something. */
function lanesOf({ events }: Endpoint): readonly LaneName[] {
  const isOfLog = events.some((event) =>
    ["message.stored", "message.edited", "message.recalled", "group.changed"].includes(event),
  );
  return [
    ...(isOfLog ? (["log"] as const) : []),
    ...(events.includes("message.undelivered") ? (["undelivered"] as const) : []),
  ];
}

// All lanes of all endpoints, while this process has the lease. It ends as a whole when the lease is lost or a setting
// has changed, and is made anew from what the store says.

import type { Clock } from "../base/clock.ts";
import type { Timers } from "../base/timers.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";
import { AccountTeller } from "./account-teller.ts";
import type { Log } from "../base/log.ts";
import type { Endpoint, HookChange, HookStore, Lane as LaneName } from "../store/hooks.ts";
import type { HookCounts } from "./hook-counts.ts";
import type { HttpSender } from "./http-sender.ts";
import { Lane } from "./lane.ts";
import type { LaneSource } from "./lane-source.ts";
import { LogSource } from "./log-source.ts";
import { LogWindow } from "./log-window.ts";
import type { HookPace } from "./pace.ts";
import { UndeliveredSource } from "./undelivered-source.ts";

export interface DeliveryParts {
  readonly store: HookStore;
  readonly conversations: Pick<Store, "conversations">;
  readonly sessions: Pick<Sessions, "locate" | "watchPresence">;
  readonly holder: string;
  readonly sender: HttpSender;
  readonly pace: HookPace;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly timers: Timers;
  readonly counts: HookCounts;
  readonly log: Log;
  /** The store has refused a change: somebody else has the lease. */
  readonly lost: () => void;
  readonly bug: (error: unknown) => void;
}

export class Deliveries {
  private readonly lanes: readonly Lane[];
  private readonly tellers: readonly AccountTeller[];
  private readonly endWatch: () => void;

  private constructor(lanes: readonly Lane[], tellers: readonly AccountTeller[], sessions: DeliveryParts["sessions"]) {
    this.lanes = lanes;
    this.tellers = tellers;
    if (tellers.length === 0) {
      this.endWatch = () => undefined;
      return;
    }
    this.endWatch = sessions.watchPresence({
      online: (app, account) => tellers.forEach((teller) => teller.add("account.online", app, account)),
      offline: (app, account) => tellers.forEach((teller) => teller.add("account.offline", app, account)),
    });
  }

  /** Begins where the store says that each lane is. */
  static async start(parts: DeliveryParts, endpoints: readonly Endpoint[]): Promise<Deliveries> {
    const { store, clock } = parts;
    const told = endpoints.filter((endpoint) => lanesOf(endpoint).length > 0);
    const events = new Set(told.flatMap((endpoint) => endpoint.events));
    const window = new LogWindow(
      store,
      {
        apps: [...new Set(told.map(({ app }) => app))],
        hasMessages: events.has("message.stored") || events.has("message.undelivered"),
        hasEntries: events.has("message.edited") || events.has("message.recalled") || events.has("group.changed"),
      },
      () => clock.monotonicMs(),
    );
    const batches = await Promise.all(told.map(({ id }) => store.waiting(id)));
    const save = async (changes: readonly HookChange[]): Promise<boolean> => {
      const isSaved = await store.save(parts.holder, changes);
      if (!isSaved) parts.lost();
      return isSaved;
    };
    const { conversations, sessions, pace } = parts;
    const ofUndelivered = { store, conversations, sessions, clock, acknowledgeMs: pace.acknowledgeMs };
    const lanes = told.flatMap((endpoint, at) => {
      const waiting = batches[at] ?? [];
      const laneFor = (lane: LaneName, source: LaneSource): Lane =>
        new Lane(
          { ...parts, endpoint, lane, source, save },
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
    const tellers = endpoints
      .filter((each) => each.events.includes("account.online") || each.events.includes("account.offline"))
      .map((endpoint) => new AccountTeller(endpoint, parts));
    return new Deliveries(lanes, tellers, sessions);
  }

  async stop(): Promise<void> {
    this.endWatch();
    await Promise.all([...this.lanes, ...this.tellers].map((each) => each.stop()));
  }
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

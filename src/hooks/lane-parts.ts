// What a lane is made of.

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Timers } from "../base/timers.ts";
import type { Endpoint, HookChange, Lane } from "../store/hooks.ts";
import type { HookCounts } from "./hook-counts.ts";
import type { HttpSender } from "./http-sender.ts";
import type { LaneSource } from "./lane-source.ts";
import type { HookPace } from "./pace.ts";

export interface LaneParts {
  readonly endpoint: Endpoint;
  readonly lane: Lane;
  readonly source: LaneSource;
  readonly sender: HttpSender;
  readonly pace: HookPace;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly timers: Timers;
  readonly counts: HookCounts;
  readonly log: Log;
  /** Commits changes; false: this process delivers no longer. */
  readonly save: (changes: readonly HookChange[]) => Promise<boolean>;
  /** Receives what is no failure of the store: a bug. */
  readonly bug: (error: unknown) => void;
}

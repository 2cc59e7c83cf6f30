// What the chat service's commands share.

import type { Runtime } from "../../base/runtime.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import type { MediaPlace } from "../../media/media-place.ts";
import type { ServiceMetrics, TalkLatency } from "../../observe/metrics.ts";
import type { Sessions } from "../../session/sessions.ts";
import type { Store } from "../../store/store.ts";
import type { BeforeHooks } from "../../hooks/before-hooks.ts";
import type { AccountRates } from "./account-rates.ts";
import type { MissedPushes } from "./missed-pushes.ts";
import type { NoticeParts, Notices } from "./notices.ts";
import type { Reads } from "./reads.ts";
import type { ToldChanges } from "./told-changes.ts";

/** For how long, in milliseconds, a message's author may change it; 0: not at all. */
export interface ChangeWindows {
  readonly editWindowMs: number;
  readonly recallWindowMs: number;
}

/** Constructed by the role and passed to each command. */
export interface ChatParts extends Runtime, NoticeParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly notices: Notices;
  readonly missed: MissedPushes;
  /** Those of what only connections with the feature `conversations` get. */
  readonly missedEvents: MissedPushes;
  readonly told: ToldChanges;
  readonly windows: ChangeWindows;
  readonly reads: Reads;
  readonly latency: TalkLatency;
  readonly metrics: Pick<ServiceMetrics, "bug">;
  readonly rates: AccountRates;
  /** Back ends that are asked before something is done. */
  readonly before: Pick<BeforeHooks, "asksOfTalks" | "ofTalk" | "ofEdit" | "asksOfGroups" | "ofGroup">;
  /** Where the content of files is; undefined: nowhere. */
  readonly media?: MediaPlace | undefined;
}

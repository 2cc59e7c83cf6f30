// What the chat service's commands share.

import type { Runtime } from "../../base/runtime.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { RareLog } from "../../base/rare-log.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import type { ServiceMetrics, TalkLatency } from "../../observe/metrics.ts";
import type { Sessions } from "../../session/sessions.ts";
import type { Store } from "../../store/store.ts";
import type { AccountRates } from "./account-rates.ts";
import type { FanOut } from "./fan-out.ts";
import type { FanOutAllowance } from "./fan-out-allowance.ts";
import type { GroupAudience } from "./group-audience.ts";
import type { MissedPushes } from "./missed-pushes.ts";
import type { Notices } from "./notices.ts";
import type { Reads } from "./reads.ts";

/** Constructed by the role and passed to each command. */
export interface ChatParts extends Runtime {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly audience: GroupAudience;
  readonly allowance: FanOutAllowance;
  readonly fanOut: FanOut;
  readonly notices: Notices;
  readonly missed: MissedPushes;
  readonly reads: Reads;
  readonly latency: TalkLatency;
  readonly metrics: Pick<ServiceMetrics, "bug">;
  readonly limits: Limits;
  readonly rates: AccountRates;
  /** For what one request after the other may cause. */
  readonly rareLog: RareLog;
}

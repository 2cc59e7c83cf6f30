// What the methods of the API share.

import type { Runtime } from "../base/runtime.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import type { Answer, Call } from "../service/call-context.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";
import type { ChatControls, NodeControls } from "./controls.ts";
import type { KeyDesk } from "./keys/key-desk.ts";
import type { KeyRing } from "./keys/key-ring.ts";
import type { SystemAccounts } from "./system-accounts.ts";

/** The chat service of this process, which has the rules: each request runs through the handler of a command. */
interface ChatCalls {
  /** Never rejects. */
  call(call: Call): Promise<Answer>;
  readonly controls: ChatControls;
}

/** Constructed by the role and passed to each service. */
export interface ApiParts extends Runtime {
  readonly chat: ChatCalls;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly keys: KeyRing;
  readonly system: SystemAccounts;
  readonly desk: KeyDesk;
  readonly node: NodeControls;
  readonly limits: Limits;
  readonly log: Log;
}

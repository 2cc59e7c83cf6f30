// What the API does beside the commands of clients: to accounts by the chat service, and to the process by its role.

import type { TokenIssuer } from "../auth/token-issuer.ts";
import type { HookDesk } from "../hooks/hook-desk.ts";
import type { LimitRole } from "../base/limits/limit.ts";
import type { Stat } from "../observe/stats.ts";
import type { AccountControls } from "../service/account-controls.ts";
import type { Location } from "../session/sessions.ts";
import type { Announcement } from "../wire/announcement.ts";
import type { ConnectionFacts } from "../wire/connections.ts";

/** Of the chat service of this process. */
export interface ChatControls {
  readonly accounts: AccountControls;
  readonly webhooks: HookDesk;
  readonly connections: {
    /** Resolves with what gateways told of connections, by channel id. */
    about(locations: readonly Location[]): Promise<ReadonlyMap<string, ConnectionFacts>>;
  };
  /** Shows something to all clients of an app; returns how many gateways were told. */
  announce(announcement: Announcement): number;
}

/** As proto/api.proto explains them. */
export type NodeState = "ready" | "unready" | "leaving" | "waiting" | "silent" | "unproven";

/** A process, as Admin/Nodes shows it. */
export interface NodeView {
  readonly id: string;
  readonly role: string;
  readonly address: string;
  readonly version: string;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly state: NodeState;
  readonly connections: number;
  readonly zone: string;
}

/** Of this process. */
export interface NodeControls {
  readonly id: string;
  readonly role: LimitRole;
  /** Those of the cluster, or this one alone. */
  nodes(): Promise<readonly NodeView[]>;
  /** Its metrics. */
  stats(): Promise<readonly Stat[]>;
  /** Begins to leave, as on SIGTERM; undefined: whoever started it ends it. */
  readonly leave: (() => void) | undefined;
  /** Undefined: it has no secret of tokens. */
  readonly tokens: TokenIssuer | undefined;
}

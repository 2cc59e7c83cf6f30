// The environment that a process gives its roles: the registry, the transports to other services, time and
// randomness.

import type { ClusterKeys } from "../auth/cluster-keys.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import type { ControlCommands } from "../observe/control-commands.ts";
import type { Naming } from "../registry/client/naming.ts";
import type { Runtime } from "../base/runtime.ts";
import type { LinkNetwork } from "../link/link-network.ts";

export interface NodeEnvironment extends Runtime {
  readonly identity: LinkIdentity;
  readonly naming: Naming;
  readonly network: LinkNetwork;
  /** The keys that services prove to each other; at least one. */
  readonly keys: ClusterKeys;
  readonly limits: Limits;
  /** The commands of operators over links. */
  readonly control: ControlCommands;
  readonly log: Log;
  readonly zone: string;
  /** As in MemberSettings. */
  readonly weight?: number | undefined;
  readonly version: string;
  /** The `host:port` of this process's monitor; absent if it has none. */
  readonly monitor?: string | undefined;
  /** Called if another process has taken this one's id: it has to exit. */
  readonly lost: (sentence: string) => void;
}

// Read access to the registry for DNS, lookup and the in-process naming client.

import type { Instance } from "./instance.ts";
import type { NameKind } from "./name-index.ts";

/** A live view of the instances in this node's table. */
export interface Directory {
  /** False until the node has learned the instances from its peers: answers would be wrong. */
  readonly isReadable: boolean;
  /** Increases with every visible change: equal versions mean equal answers. */
  readonly version: number;
  /** Returns the live instances of a service whose status is in `mask`, in no particular order; a fresh array. */
  instances(env: string, appid: string, mask: number): Instance[];
  /**
   * Returns at most `countMax` live instances of any service in `env` with that hostname (a service id); a fresh array.
   */
  instancesNamed(env: string, hostname: string, countMax: number): Instance[];
  /** Reports whether the service has a live instance of any status in `env`. */
  knows(env: string, appid: string): boolean;
  /** Calls back after changes of one service, possibly once for several, until the returned function is called. */
  watch(env: string, appid: string, onChange: () => void): () => void;
}

/** A directory that also looks names up as DNS does. */
export interface NamedDirectory extends Directory {
  /** Returns `version` at the last change of a service; 0 if it never existed or is forgotten. */
  revisionOf(env: string, appid: string): number;
  /** Returns the service in `env` with that name, ignoring the case of ASCII letters, as it is spelled. */
  serviceNamed(env: string, name: string): string | undefined;
  /** Reports whether `env` has a name of that kind that equals `name` or ends in a dot and `name`. */
  isBranch(env: string, kind: NameKind, name: string): boolean;
}

// Reading the registry: what DNS, lookup and the in-process naming client see of it.

import type { Instance } from "./instance.ts";
import type { NameKind } from "./name-index.ts";

/** A view on the live instances of this node's registry; always current. */
export interface Directory {
  /** False while the node has not yet learned from its peers what there is: answers would be wrong. */
  readonly isReadable: boolean;
  /** Grows with every change that a reader could see; equal numbers: equal answers. */
  readonly version: number;
  /** Live instances of a service whose status is in `mask`, in no particular order; a fresh array. */
  instances(env: string, appid: string, mask: number): Instance[];
  /** At most `countMax` live instances of any service in `env` with that hostname (a service id); a fresh array. */
  instancesNamed(env: string, hostname: string, countMax: number): Instance[];
  /** True when the service has a live instance of any status in that env. */
  knows(env: string, appid: string): boolean;
  /** Calls back after changes of one service (several may come as one), until the returned function is called. */
  watch(env: string, appid: string, onChange: () => void): () => void;
}

/** A directory that knows its names as DNS sees them. */
export interface NamedDirectory extends Directory {
  /** `version` as it was at the last change of a service; 0 for one that was never there, or is forgotten. */
  revisionOf(env: string, appid: string): number;
  /** The service of that name in that env, compared without regard to the case of ASCII letters, as it is spelled. */
  serviceNamed(env: string, name: string): string | undefined;
  /** True when that env has a name of that kind that is `name`, or ends in a dot and `name`. */
  isBranch(env: string, kind: NameKind, name: string): boolean;
}

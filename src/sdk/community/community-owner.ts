// What the parts of a community share.

import type { Ask } from "../ask.ts";
import type { Emitter } from "../emitter.ts";
import type { Environment } from "../environment.ts";
import type { RoostClient } from "../roost-client.ts";
import type { CommunityEvents } from "./community-types.ts";

export interface CommunityOwner {
  readonly environment: Environment;
  readonly notices: Emitter<CommunityEvents>;
  /** Rejects as the client's requests do. */
  readonly ask: Ask;
  /** Asks again until there is an answer; rejects with Disconnected, or if it is refused for good. */
  readonly patientAsk: Ask;
  account(this: void): string;
  readonly client: Pick<RoostClient, "joinGroup" | "quitGroup">;
  /** Reads the index, which has the entries of what this connection changes. */
  readIndex(this: void): void;
}

// All that is told to endpoints while this process has the lease: their lanes, and who comes and goes. It ends as a
// whole when the lease is lost or a setting has changed, and is made anew from what the store says.

import type { Sessions } from "../session/sessions.ts";
import type { Endpoint, HookChange, HookStore } from "../store/hooks.ts";
import { AccountTeller } from "./account-teller.ts";
import { hasLanes, type LanesParts, type RunningLanes, type StartLanes } from "./lanes.ts";

export interface DeliveryParts extends Omit<LanesParts, "save"> {
  readonly store: HookStore;
  readonly sessions: Pick<Sessions, "locate" | "watchPresence">;
  readonly startLanes: StartLanes;
  readonly holder: string;
  /** The store has refused a change: somebody else has the lease. */
  readonly lost: () => void;
  /** The lanes have ended by themselves. */
  readonly failed: () => void;
}

export class Deliveries {
  private readonly lanes: RunningLanes | undefined;
  private readonly tellers: readonly AccountTeller[];
  private readonly endWatch: () => void;

  private constructor(
    lanes: RunningLanes | undefined,
    tellers: readonly AccountTeller[],
    sessions: DeliveryParts["sessions"],
  ) {
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

  /** Begins where the store says that each lane is; rejects with StoreUnavailable. */
  static async start(parts: DeliveryParts, endpoints: readonly Endpoint[]): Promise<Deliveries> {
    const { store, holder, lost, sessions } = parts;
    const save = async (changes: readonly HookChange[]): Promise<boolean> => {
      const isSaved = await store.save(holder, changes);
      if (!isSaved) lost();
      return isSaved;
    };
    const ofLog = endpoints.filter(hasLanes);
    const lanes = ofLog.length === 0 ? undefined : await parts.startLanes({ ...parts, save }, ofLog);
    const tellers = endpoints
      .filter((each) => each.events.includes("account.online") || each.events.includes("account.offline"))
      .map((endpoint) => new AccountTeller(endpoint, parts));
    return new Deliveries(lanes, tellers, sessions);
  }

  async stop(): Promise<void> {
    this.endWatch();
    await Promise.all([this.lanes?.stop(), ...this.tellers.map((each) => each.stop())]);
  }
}

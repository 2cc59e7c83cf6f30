// All that is told to endpoints while this process has the lease: their lanes, and who comes and goes. It ends as a
// whole when the lease is lost or a setting has changed, and is made anew from what the store says.

import type { Sessions } from "../session/sessions.ts";
import type { Endpoint, HookChange, HookStore } from "../store/hooks.ts";
import { AccountTeller } from "./account-teller.ts";
import { SaveGate } from "./save-gate.ts";
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
  /** Aborted when the process has waited long enough for what is being started. */
  readonly stopping: AbortSignal;
  /** Whether the store has no more to give to the talks; see Store. */
  readonly isSaturated: () => boolean;
}

interface Running {
  readonly lanes: RunningLanes | undefined;
  readonly tellers: readonly AccountTeller[];
  readonly gate: SaveGate;
}

export class Deliveries {
  private readonly lanes: RunningLanes | undefined;
  private readonly tellers: readonly AccountTeller[];
  private readonly gate: SaveGate;
  private readonly endWatch: () => void;

  private constructor({ lanes, tellers, gate }: Running, sessions: DeliveryParts["sessions"]) {
    this.lanes = lanes;
    this.tellers = tellers;
    this.gate = gate;
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
    const gate = new SaveGate(parts.isSaturated, parts.timers);
    const save = async (changes: readonly HookChange[]): Promise<boolean> => {
      await gate.pass();
      const isSaved = await store.save(holder, changes);
      if (!isSaved) lost();
      return isSaved;
    };
    const ofLog = endpoints.filter(hasLanes);
    const lanes = ofLog.length === 0 ? undefined : await parts.startLanes({ ...parts, save }, ofLog);
    const tellers = endpoints
      .filter((each) => each.events.includes("account.online") || each.events.includes("account.offline"))
      .map((endpoint) => new AccountTeller(endpoint, parts));
    return new Deliveries({ lanes, tellers, gate }, sessions);
  }

  async stop(): Promise<void> {
    this.endWatch();
    this.gate.open();
    await Promise.all([this.lanes?.stop(), ...this.tellers.map((each) => each.stop())]);
  }
}

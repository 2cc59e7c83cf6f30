// How a simulated client with the feature watches who is online: everybody, and somebody who never is. It watches after
// a sign-in, after chat.sync, and now and then, since whoever it might not watch may have become somebody it may.

import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { PresenceReqSchema, PresenceStatesSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import type { ConnectionOwner } from "./phone-owner.ts";
import type { PhoneWire } from "./phone-wire.ts";

const againMs = 20_000;
const secondsPerMinute = 60n;

export class PhonePresence {
  /** On how many devices each account is, as it was told last. */
  readonly devices = new Map<string, number>();
  /** When it sent the request that was answered last; -1 if none was. */
  watchedMs = -1;
  private readonly phone: ConnectionOwner;
  private readonly wire: PhoneWire;
  private asking: "no" | "once" | "again" = "no";

  constructor(phone: ConnectionOwner, wire: PhoneWire) {
    this.phone = phone;
    this.wire = wire;
  }

  get isDone(): boolean {
    return this.asking === "no";
  }

  /** After a sign-in, and after a hint. */
  watch(): void {
    if (this.asking === "no") this.ask();
    else this.asking = "again";
  }

  pushed(body: Uint8Array): void {
    this.apply(body);
  }

  private ask(): void {
    this.asking = "once";
    const { nowMs, watched } = this.phone;
    this.wire.ask(Command.PresenceWatch, "", PresenceReqSchema, { accounts: [...watched] }, (status, answer) => {
      if (status !== Status.Success) {
        if (status < 300) this.phone.broken(`a watch is answered with ${status}`);
        this.wire.later(status, () => this.ask());
        return;
      }
      this.apply(answer);
      this.watchedMs = nowMs;
      const isAgain = this.asking === "again";
      this.asking = "no";
      if (isAgain) this.ask();
      else setTimeout(() => this.wire.isOver || this.watch(), againMs);
    });
  }

  private apply(body: Uint8Array): void {
    const { phone } = this;
    for (const { account, devices, lastSeen } of fromBinary(PresenceStatesSchema, body).states) {
      if (!phone.watched.includes(account)) phone.broken(`it is told that ${account} is on ${devices} devices`);
      if ((devices > 0 && lastSeen !== 0n) || lastSeen % secondsPerMinute !== 0n)
        phone.broken(`${account} is on ${devices} devices, and was seen last at ${lastSeen}`);
      this.devices.set(account, devices);
    }
  }
}

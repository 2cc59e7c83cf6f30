// What operators may ask of a process with a message store, beside what every process answers: kicks, revocations and
// bans.

import { type ControlCommand, type ControlFields, ControlRefused } from "../../observe/control-commands.ts";
import { Refusal } from "../../service/refusal.ts";
import { StoreUnavailable } from "../../store/store.ts";
import type { AccountControls, OfAccount } from "../../service/account-controls.ts";

type Name = "kick" | "revoke" | "ban" | "unban";

/**
 * `kick` with app, account and device (absent: all), `revoke` with beforeMs (absent: now), `ban` with untilMs (absent:
 * for good), and `unban`.
 */
export function operatorCommands(controls: AccountControls): Readonly<Record<Name, ControlCommand>> {
  return {
    kick: (fields) => {
      const { device } = fields;
      if (device !== undefined && typeof device !== "string") throw new ControlRefused("the name of a device is text");
      return answered(() => controls.kick(whose(fields), device));
    },
    revoke: (fields) => answered(() => controls.revoke(whose(fields), timeIn(fields, "beforeMs"))),
    ban: (fields) => answered(() => controls.ban(whose(fields), timeIn(fields, "untilMs"))),
    unban: (fields) => answered(async () => ({ wasBanned: await controls.unban(whose(fields)) })),
  };
}

function whose({ app, account }: ControlFields): OfAccount {
  // What is no text is no name either.
  return { app: typeof app === "string" ? app : "", account: typeof account === "string" ? account : "" };
}

function timeIn(fields: ControlFields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || typeof value === "number") return value;
  throw new ControlRefused(`${name} is a time in milliseconds since 1970`);
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) throw new ControlRefused(error.message);
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new ControlRefused(`the message store cannot keep it now: ${error.message}`);
  }
}

// Whether an account may cause one more delivery to a group. Asked before anything is stored: what is stored is
// delivered.

import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

type Parts = Pick<ChatParts, "allowance" | "fanOut" | "limits">;

/** Throws RateLimited when the account has caused too much, ServiceUnavailable when too much waits to be delivered. */
export function admitDelivery({ allowance, fanOut, limits }: Parts, app: string, account: string): void {
  allowance.admit(app, account);
  if (fanOut.hasRoom) return;
  limits.met("fanOutBytes", { app, account });
  throw new Refusal(
    Status.ServiceUnavailable,
    "too many messages and notices to groups wait to be delivered, try again",
  );
}

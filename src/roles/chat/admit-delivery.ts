// Whether one more delivery to a group may be caused. Asked before anything is stored: what is stored is delivered.

import type { Limits } from "../../base/limits/limits.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** A delivery to an unknown number of members is charged this fraction of the allowance at first. */
const unknownAtOnce = 200;

type Payer = Pick<Context, "app" | "payer">;
type Parts = Pick<ChatParts, "allowance" | "fanOut" | "limits">;

/** Throws RateLimited when the payer has caused too much, ServiceUnavailable when too much waits to be delivered. */
export function admitDelivery({ allowance, fanOut, limits }: Parts, { app, payer }: Payer): void {
  allowance.admit(app, payer);
  if (fanOut.hasRoom) return;
  limits.met("fanOutBytes", { app, account: payer });
  throw new Refusal(
    Status.ServiceUnavailable,
    "too many messages and notices to groups wait to be delivered, try again",
  );
}

/** The first charge of what goes to a group that is not loaded, or whose group only the store knows. */
export function unknownCost({ values }: Pick<Limits, "values">): number {
  return Math.ceil(values.fanOutAtOnce / unknownAtOnce);
}

/** Like `admitDelivery`; charges `unknownCost` and returns it: the caller corrects it when it knows who is reached. */
export function admitUnknown(parts: Parts, payer: Payer): number {
  admitDelivery(parts, payer);
  const cost = unknownCost(parts.limits);
  parts.allowance.charge(payer.app, payer.payer, cost);
  return cost;
}

/** Reports whether so much waits to be delivered to groups that what may be dropped is. */
export function isPressed({ fanOut, limits }: Pick<Parts, "fanOut" | "limits">): boolean {
  return fanOut.bytes > limits.values.fanOutBytes / 2;
}

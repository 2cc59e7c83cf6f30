// Why an account may not talk somewhere, as clients are told: of talks, and of whatever has the same right.

import { Refusal } from "../../service/refusal.ts";
import type { TalkRight } from "../../store/people.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

export const talkRefusals: Readonly<Record<Exclude<TalkRight, "allowed">, readonly [Status, string]>> = {
  notFound: [Status.NotFound, "there is no such group"],
  forbidden: [Status.Forbidden, "you are not a member of this group"],
  muted: [Status.Forbidden, "you are muted in this group"],
  forAdmins: [Status.Forbidden, "only the owner and the admins of this group may talk"],
  unwilling: [Status.Forbidden, "the account does not let you write to it; invite it to a group instead"],
};

export function talkRefusal(right: keyof typeof talkRefusals): Refusal {
  return new Refusal(...talkRefusals[right]);
}

// Who may do what in a group, as tables of the protocol (proto/README.md, "Changes of groups"), written down once more
// for the model: it does not use the table of the store.

/** What an account is in a group. */
export type ModelStanding = "owner" | "admin" | "member" | "stranger";

/** What is done to a group, or in it, by an account for itself. */
const doers = {
  talk: ["owner", "admin", "member"],
  mentionAll: ["owner", "admin"],
  see: ["owner", "admin", "member"],
  update: ["owner", "admin"],
  pin: ["owner", "admin"],
  invite: ["owner", "admin"],
  answer: ["owner", "admin"],
  add: ["owner", "admin"],
  alias: ["owner", "admin", "member"],
  dismiss: ["owner"],
} as const satisfies Record<string, readonly ModelStanding[]>;
export type ModelAction = keyof typeof doers;

/** Whom an account may remove, or mute; and whom it may give a role, or the group. */
const above: Readonly<Record<ModelStanding, readonly ModelStanding[]>> = {
  owner: ["admin", "member"],
  admin: ["member"],
  member: [],
  stranger: [],
};

export function mayDo(action: ModelAction, standing: ModelStanding): boolean {
  const allowed: readonly ModelStanding[] = doers[action];
  return allowed.includes(standing);
}

export function isAbove(actor: ModelStanding, target: ModelStanding): boolean {
  return above[actor].includes(target);
}

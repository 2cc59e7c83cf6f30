// The life of a client's connection, as a number.

/**
 * `Fresh` → `Queued` (where many come at once) → `Verifying` (the token) → `Pending` (the login service) → `Live` →
 * `Closed`, from anywhere.
 */
export const ChannelState = { Fresh: 0, Queued: 1, Verifying: 2, Pending: 3, Live: 4, Closed: 5 } as const;
export type ChannelState = (typeof ChannelState)[keyof typeof ChannelState];

// The life of a client's connection, as a number.

/** `Fresh` → `Verifying` (the token) → `Pending` (the login service) → `Live` → `Closed`, from anywhere. */
export const ChannelState = { Fresh: 0, Verifying: 1, Pending: 2, Live: 3, Closed: 4 } as const;
export type ChannelState = (typeof ChannelState)[keyof typeof ChannelState];

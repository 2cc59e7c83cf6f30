// The states of a client's connection.

/**
 * `Fresh` → `Queued` (if many connect at once) → `Verifying` (the token) → `Pending` (at the login service) → `Live`;
 * every state → `Closed`.
 */
export const ChannelState = { Fresh: 0, Queued: 1, Verifying: 2, Pending: 3, Live: 4, Closed: 5 } as const;
export type ChannelState = (typeof ChannelState)[keyof typeof ChannelState];

// What the engines share of kicks and revocations (Store.revoke).

/**
 * So long a kick is kept, and then until the next one has no room: a clock that is ahead by less makes none forgotten. It ends
 * connections that have been signed in since before it, on gateways that have not heard of it until then.
 */
export const kickKeptMs = 30 * 86_400_000;

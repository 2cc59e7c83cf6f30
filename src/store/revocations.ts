// The common part of kicks and revocations (Store.revoke).

/**
 * How long a kick is kept before it makes room for others. It ends connections that signed in before it, on gateways
 * that have not received it yet, and tolerates clocks that are ahead by less than this.
 */
export const kickKeptMs = 30 * 86_400_000;

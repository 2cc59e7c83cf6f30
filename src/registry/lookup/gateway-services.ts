// Under which names gateways are listed.

/** One for the clients over WebSocket, one for those over TCP. */
export const gatewayServices = ["wgateway", "tgateway"] as const;

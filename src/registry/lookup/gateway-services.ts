// The service names of gateways.

/** For clients over WebSocket, and for clients over TCP. */
export const gatewayServices = ["wgateway", "tgateway"] as const;

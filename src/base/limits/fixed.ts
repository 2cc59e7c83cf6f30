// Bounds that no operator sets: those of the protocol and of file formats, and those that keep the program's own parts in
// step. What an operator can set stands in table.ts. A length that a peer declares is compared with a bound before any
// memory of that size is taken. Units stand last in the name.

// The protocol of clients (proto/README.md).

/** A packet's protobuf header, in bytes. */
export const headerBytesMax = 16 * 1024;
/** Metas of a client's header, and fields of it that stand twice or are unknown: what a header may cost beside its bytes. */
export const headerFieldsMax = 512;
/** MessageReq.clientId, in UTF-8 bytes. */
export const clientIdBytesMax = 64;
/** An account's or app's name, in characters; see auth/names.ts. */
export const nameCharactersMax = 60;
/** LoginReq.device, in UTF-8 bytes; '' is a device too. */
export const deviceBytesMax = 64;
/** A token, in characters, before anything of it is decoded. */
export const tokenCharactersMax = 8 * 1024;
/** Clients ask for so many contents at once: no operator's bound is lower. */
export const contentIdsAsked = 200;

// What the guide promises of messages.

/** The index of a device without a cursor reaches back this far. */
export const indexBackDays = 15;
/** A talk that is repeated under its clientId is answered the same for this long at least. */
export const idempotencyHours = 24;

// Listeners.

/** Connections of a listener that are refused with a close frame, a second and at once; more are ended without one. */
export const refusalsToldPerSecond = 10;
export const refusalsToldAtOnce = 40;
/** Networks of proxies whose word about a client's address counts. */
export const trustedProxiesMax = 1_000;

// Links between services: both sides have to agree on these.

/** A frame's payload. */
export const linkFrameBytesMax = 16 * 1024 * 1024;
/** A packet's header, where stamps and the channel ids of a push come on top of a client's. */
export const linkHeaderBytesMax = 64 * 1024;
/** A frame until the handshake is over, from a dialler and from an acceptor: who has proven nothing says no more. */
export const handshakeBytesMax = 1024;
export const handshakeAnswerBytesMax = 4 * 1024;

// Sessions.

/** Login nodes renew the leases of gateways this often. */
export const gatewayRenewMs = 2_000;
/** What is left of the lease of a gateway whose link broke, unless somebody else still hears it. */
export const gatewaySuspectMs = 3_000;
/** A gateway compares its sessions with the store's this often. */
export const sessionCensusMs = 60_000;
/** Changes of sessions that a process may be behind before it must forget what it has read. */
export const sessionChangesMax = 65_536;
/** Accounts whose locations a process remembers: some 50 MB. */
export const sessionCacheAccountsMax = 200_000;

// Files that an operator names.

/** A secret for tokens or links, in bytes; a file of them, in keys and in bytes, comments included. */
export const secretBytesMin = 16;
export const secretBytesMax = 4 * 1024;
export const secretsPerFileMax = 16;
export const secretFileBytesMax = 128 * 1024;
/** A configuration file, and a file of rules (routing, lookup). */
export const configFileBytesMax = 1024 * 1024;
export const rulesFileBytesMax = 16 * 1024 * 1024;

// The registry (`discovery`): its nodes have to agree on these.

/** A lease that is not renewed ends after this long, by the clock of the node that holds it. */
export const leaseMs = 90_000;
/** How long a cancelled instance is remembered as cancelled: longer than any lease, so that nothing brings it back. */
export const tombstoneMs = 2 * 60 * 60_000;
/** Services that have lost their last instance, and are remembered so that late watchers learn of it. */
export const emptyServicesMax = 10_000;
/** The body of a request of another node. */
export const registryPeerBodyBytesMax = 16 * 1024 * 1024;
/** What a node reads of another one's answer at most. */
export const registryAnswerBytesMax = 64 * 1024 * 1024;
/** A long poll without news is answered after this long. */
export const pollMs = 30_000;

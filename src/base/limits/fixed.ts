// Bounds that no operator sets: those of the protocol and of file formats, and those that keep the program's own parts in
// step. What an operator can set stands in table.ts. A length that a peer declares is compared with a bound before any
// memory of that size is taken. Units stand last in the name.

/** A frame's payload between services. */
export const linkFrameBytesMax = 16 * 1024 * 1024;
/** The same until the handshake is over, from a dialler and from an acceptor: who has proven nothing says no more. */
export const handshakeBytesMax = 1024;
export const handshakeAnswerBytesMax = 4 * 1024;
/** A packet's protobuf header. */
export const headerBytesMax = 16 * 1024;
/** Metas of a client's header, and fields of it that stand twice or are unknown: what a header may cost beside its bytes. */
export const headerFieldsMax = 512;
/** The same between services, where stamps and the channel ids of a push come on top. */
export const linkHeaderBytesMax = 64 * 1024;

/** MessageReq.clientId, in UTF-8 bytes. */
export const clientIdBytesMax = 64;

/** Accounts, apps: 1 to this many characters without control characters, comma or surrounding white space. */
export const nameCharactersMax = 60;
/** LoginReq.device: printable, at most this many UTF-8 bytes; '' is a device too. */
export const deviceBytesMax = 64;
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
/** A token's length in characters, before anything of it is decoded. */
export const tokenCharactersMax = 8 * 1024;

/** Groups an account may be in, members a group may have, members named in one create. */
export const groupsPerAccountMax = 2_000;
export const groupMembersMax = 100_000;
export const groupCreateMembersMax = 10_000;
/** A group's name, avatar and introduction, each, in UTF-8 bytes. */
export const groupTextBytesMax = 4 * 1024;

/** Clients ask for so many contents at once: no operator's bound is lower. */
export const contentIdsAsked = 200;

/** Connections of a listener that are refused with a close frame, a second and at once; more are ended without one. */
export const refusalsToldPerSecond = 10;
export const refusalsToldAtOnce = 40;

/** The index of a device without a cursor reaches back this far. */
export const indexBackDays = 15;
/** An idempotent talk answers the same for this long at least. */
export const idempotencyHours = 24;
/** A secret for tokens or links has so many bytes, and a file of them so many keys and bytes, comments included. */
export const secretBytesMin = 16;
export const secretBytesMax = 4 * 1024;
export const secretsPerFileMax = 16;
export const secretFileBytesMax = 128 * 1024;
/** A configuration file, and a file of rules (routing, lookup) that an operator wrote. */
export const configFileBytesMax = 1024 * 1024;
export const rulesFileBytesMax = 16 * 1024 * 1024;

// The registry (`discovery`).

/** A lease that is not renewed ends after this long, by the clock of the node that holds it. */
export const leaseMs = 90_000;
/** The same while the registry protects itself from forgetting what it merely cannot hear. */
export const protectedLeaseMs = 60 * 60_000;
/** How long a cancelled instance is remembered as cancelled: longer than any lease, so that nothing brings it back. */
export const tombstoneMs = 2 * 60 * 60_000;
/** Timestamps further ahead of the local clock are refused. */
export const timestampAheadMsMax = 15 * 60_000;
/** Instances in a registry, and those that one address (not loopback) may have registered. */
export const instancesMax = 100_000;
export const instancesPerCallerMax = 10_000;
/** Cancelled instances that are remembered; beyond it the oldest are forgotten. */
export const tombstonesMax = 200_000;
/** Services that have lost their last instance, and are remembered so that late watchers learn of it. */
export const emptyServicesMax = 10_000;
/** An instance: each name, the number of addresses and the length of each, entries and bytes of its metadata. */
export const registryNameBytesMax = 256;
export const instanceAddressesMax = 32;
export const instanceAddressBytesMax = 512;
export const instanceMetadataEntriesMax = 128;
export const instanceMetadataBytesMax = 16 * 1024;
/** The body of a request of another node of the registry. */
export const registryPeerBodyBytesMax = 16 * 1024 * 1024;
/** A long poll without news is answered after this long. */
export const pollMs = 30_000;
/** What a node reads of another one's answer at most. */
export const registryAnswerBytesMax = 64 * 1024 * 1024;
/** Networks of proxies whose word about a client's address counts. */
export const trustedProxiesMax = 1_000;
/** Nodes of the registry that one node talks to. */
export const registryNodesMax = 256;

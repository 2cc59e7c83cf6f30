// Bounds that no operator can change: those of the protocol and of file formats, and those that several parts share.
// table.ts holds those that an operator can set; a bound of one file alone stands in that file. A length that a peer
// declares is compared with its bound before memory of that size is allocated. Names end in unit and qualifier.

// The protocol of clients (proto/README.md).

/** A packet's protobuf header, in bytes. */
export const headerBytesMax = 16 * 1024;
/** Metas of a client's header, plus repeated or unknown fields: what a header costs beside its bytes. */
export const headerFieldsMax = 512;
/** MessageReq.clientId, in UTF-8 bytes. */
export const clientIdBytesMax = 64;
/** An account's or app's name, in characters; see auth/names.ts. */
export const nameCharactersMax = 60;
/** LoginReq.device, in UTF-8 bytes; '' is a valid device. */
export const deviceBytesMax = 64;
/** A token, in characters, checked before it is decoded. */
export const tokenCharactersMax = 8 * 1024;
/** Clients request this many contents at once: no operator can set a lower limit. */
export const contentIdsAsked = 200;

// The HTTP API (proto/api.proto).

/** A key, in characters, checked before it is looked up. */
export const apiKeyCharactersMax = 256;
/** The body of a request, which is refused before it is read; see proto/api.proto. */
export const apiRequestBytesMax = 4 * 1024 * 1024;

// Guarantees for messages.

/** The index of a device without a cursor covers this many days. */
export const indexBackDays = 15;
/** A talk repeated with the same clientId is answered the same for at least this long. */
export const idempotencyHours = 24;

// Conversations.

/** What an account may mention in a message, and their names together in characters. */
export const mentionsMax = 50;
/** MessageReactReq.reaction, in UTF-8 bytes, and the kinds of reactions of a message. */
export const reactionBytesMax = 32;
export const reactionKindsMax = 20;
/** Messages of one answer to chat.history, and ids of one request to it or to hide. */
export const historyMax = 200;
export const hideIdsMax = 200;
/** The last stays in a group, which a history and a list read: joining and leaving is cheap, and each is a search. */
export const windowsReadMax = 1_000;
/** Messages that an account has hidden one by one: its lists and histories pass over each of them. */
export const hiddenMax = 10_000;
/** Conversations of a page, without the pinned ones, which the first page has besides. */
export const conversationsMax = 100;
export const pinnedMax = 100;
/** Unread messages and mentions are counted up to this. */
export const unreadMax = 1_000;
/** Mentions of which the unread ones are counted, the newest of an inbox: one's own are among them. */
export const mentionsReadMax = 4_096;
/** The text of a conversation's last message, in UTF-8 bytes; longer ones are cut. */
export const lastBodyBytesMax = 512;
/** Readers are told for groups of up to so many members, and for messages that are at most so old. */
export const readersGroupMax = 500;
export const readersDays = 7;
export const readersMax = 200;
/** With the feature `conversations`, a client that has missed more entries than this starts anew. */
export const missedEntriesMax = 10_000;
/** Changes of an account's own state in one answer. */
export const accountStateMax = 500;

// Files that messages name.

/** MessageReq.media. */
export const mediaMax = 10;
/** MediaUpload.name and MediaUpload.type, in UTF-8 bytes; an id, in characters. */
export const mediaNameBytesMax = 255;
export const mediaTypeBytesMax = 127;
export const mediaIdCharacters = 22;
/** How long a ticket is good, in seconds: an upload has to end by then, a download to begin. */
export const uploadTicketSeconds = 3_600;
export const downloadTicketSeconds = 900;
/** What a listener takes beyond the longest file, so that one that is a little too long gets an answer. */
export const uploadSlackBytes = 64 * 1024;

// Groups.

/** The newest changes of a group's membership that the store tells, and that a chat node keeps of a loaded group. */
export const memberChangesMax = 256;

// Groups of the protocol.

/** Accounts that an entry names. */
export const entryAccountsMax = 100;
/** The body of a request of the API for back ends, also after it is uncompressed. */
export const apiBodyBytesMax = 4 * 1024 * 1024;
/** Accounts of one request to add or to remove. */
export const groupAddMax = 1_000;
export const groupAdminsMax = 100;
export const pinnedMessagesMax = 50;
/** Who joins or leaves a group with more members is told to few. */
export const quietMembersMax = 500;
/** Who has a group of up to so many members in common with an account may watch its presence. */
export const watchGroupMax = 200;
/** How long a request to join stands. */
export const joinRequestDays = 30;
/** A request that concerns more accounts notifies connections without `conversations` of these accounts alone. */
export const noticeAccountsMax = 20;
/** GroupRequestReq.text, in UTF-8 bytes. */
export const joinRequestBytesMax = 512;
/** How long an invitation is valid, in seconds, and how long if the request says 0: a week. */
export const invitationSecondsMax = 366 * 86_400;
export const invitationSecondsDefault = 7 * 86_400;
export const invitationUsesMax = 100_000;
/** Members, requests to join, and groups of a page. */
export const membersPageMax = 200;
export const groupsPageMax = 200;

// People.

/** The name of a profile, and one's name in a group, in characters. */
export const displayNameCharactersMax = 64;
/** The rest of a profile, in UTF-8 bytes. */
export const profileAvatarBytesMax = 512;
export const profileExtraBytesMax = 1024;
/** Profiles of one request, and blocked accounts of a page. */
export const profilesMax = 200;
export const blockedPageMax = 200;

// Back ends.

/** Keys of a store, of which revoked ones make room for others. */
export const apiKeysMax = 1_000;
/** Those in force of one app, of which its own keys make no more: they leave room for other apps. */
export const apiKeysPerAppMax = 100;
/** The end of the longest ban, the last millisecond of the year 9999: for good. In milliseconds since 1970. */
export const banMsMax = 253_402_300_799_999;

// Exports and imports of back ends.

/** Exports under way at a node, each of which holds a page of records; and those of one key. */
export const exportsMax = 16;
export const exportsPerKeyMax = 4;

/** The reactions of a message that an export gives. */
export const reactionsExportedMax = 10_000;
/** A page of an export ends behind the account with which it has as many names of blocked accounts and of devices. */
export const exportNamesMax = 10_000;
/** The reactions, mentions and blocked accounts of all records of a page of an import: what one message may have. */
export const importNamesMax = reactionsExportedMax + mentionsMax;
/** Records of one page of an import. */
export const importRecordsMax = 1_000;

// Presence and signals.

/** Accounts of one request to watch, and states of one push. */
export const watchAccountsMax = 200;
/** Memberships that a store looks at, about, before it lets others read: who may be watched is decided in parts. */
export const watchLooksMax = 5_000;
/** So many of them count as one more account that is asked for. */
export const looksPerWatch = 100;
/** Signal.kind and Signal.body, in UTF-8 bytes. */
export const signalKindBytesMax = 32;
export const signalBodyBytesMax = 1_024;

// Listeners.

/** Refused connections of a listener that get a close frame, per second and at once; others are closed without one. */
export const refusalsToldPerSecond = 10;
export const refusalsToldAtOnce = 40;
/** Networks of proxies that are trusted to name a client's address. */
export const trustedProxiesMax = 1_000;
export const hookRangesMax = 1_000;
/** Webhooks of a store: each may hold a megabyte of memory while it is told. */
export const endpointsMax = 64;
/** Those of one app: it leaves room for others. */
export const endpointsPerAppMax = 16;
/** Origins of web pages that are allowed, and the text of one. */
export const originsMax = 1_000;
export const originCharactersMax = 512;

// Links between services: both sides have to agree on these.

/** A frame's payload. */
export const linkFrameBytesMax = 16 * 1024 * 1024;
/** A packet's header: a client's, plus stamps and the channel ids of a push. */
export const linkHeaderBytesMax = 64 * 1024;
/**
 * The joined channel ids of one push, in UTF-16 units of at most three bytes each: what a link's header holds beside
 * one of a client's size. A larger audience takes more packets.
 */
export const pushChannelsCharactersMax = (linkHeaderBytesMax - headerBytesMax) / 3;
/** An operator's request to a running process, and its answer. */
export const controlRequestBytesMax = 64 * 1024;
export const controlAnswerBytesMax = 4 * 1024 * 1024;
/** A frame during the handshake, from the dialler and from the acceptor: an unauthenticated peer may send no more. */
export const handshakeBytesMax = 1024;
export const handshakeAnswerBytesMax = 4 * 1024;

// The event loop.

/** The cost (`deliveryCost`) of the deliveries of one turn, so that others do not wait: about a millisecond. */
export const turnCostMax = 1_024;

// Sessions.

/** Login nodes renew the leases of gateways this often. */
export const gatewayRenewMs = 2_000;
/** The rest of the lease of a gateway whose link broke, unless another node still hears it. */
export const gatewaySuspectMs = 3_000;
/** A gateway compares its sessions with the store's this often. */
export const sessionCensusMs = 60_000;
/** How many session changes a process may lag behind before it must drop its cache. */
export const sessionChangesMax = 65_536;
/** Accounts whose locations a process caches: about 50 MB. */
export const sessionCacheAccountsMax = 200_000;

// Files that an operator names.

/** A secret for tokens or links, in bytes; a file of them, in keys and in bytes, comments included. */
export const secretBytesMin = 16;
export const secretBytesMax = 4 * 1024;
export const secretsPerFileMax = 16;
export const secretFileBytesMax = 128 * 1024;
/** A JWKS file, in bytes and in keys; a key's id in it. */
export const jwksBytesMax = 512 * 1024;
export const jwksKeysMax = 64;
export const kidCharactersMax = 256;
/** The modulus of an RSA key, in bits. A key of twice the length costs three times as much to verify with. */
export const rsaBitsMin = 2_048;
export const rsaBitsMax = 4_096;
/** Issuers of tokens in a secret file, and of one app; the name of an issuer and of an audience. */
export const issuersMax = 1_000;
export const issuersPerAppMax = 4;
export const audienceCharactersMax = 512;
/** Public keys that a token without a kid is tried with. */
export const keysWithoutKidMax = 4;
/** A configuration file, and a file of rules (routing, lookup). */
export const configFileBytesMax = 1024 * 1024;
export const rulesFileBytesMax = 16 * 1024 * 1024;

// Weights.

/** The weight of an instance, a zone or a data centre. A hash of 32 bits reaches every slot of a thousand of them. */
export const weightMax = 1_000_000;

// The registry (`discovery`): its nodes have to agree on these.

/** A lease that is not renewed expires after this time, by the clock of the node that holds it. */
export const leaseMs = 90_000;
/** How long a tombstone is kept: longer than any lease, so that nothing revives a cancelled instance. */
export const tombstoneMs = 2 * 60 * 60_000;
/** Services without instances that are remembered, so that late watchers learn of it. */
export const emptyServicesMax = 10_000;
/** The body of a request of another node. */
export const registryPeerBodyBytesMax = 16 * 1024 * 1024;
/** The body of another node's answer. */
export const registryAnswerBytesMax = 64 * 1024 * 1024;
/** A long poll without news is answered after this long. */
export const pollMs = 30_000;

// Features that a client can request beyond the first version of the protocol (LoginReq.features, proto/README.md,
// section 5). A gateway passes on the features that it knows, and the login service grants those of them that it knows:
// in a cluster of two releases a feature is granted only if both have it.

export const Feature = {
  /** `login.renew`: a new token on a connection that is signed in. */
  Renew: "renew",
  /** The commands, fields and pushes of conversations (proto/README.md, section 5). */
  Conversations: "conversations",
} as const;

/**
 * Passed on for a client without known features, which uses the first version of the protocol. Gateways of earlier
 * releases pass nothing on, so their clients do not count as such.
 */
const firstVersion = "first-version";

const none: readonly string[] = Object.freeze([]);
const firstVersionOnly: readonly string[] = Object.freeze([firstVersion]);
const renewOnly: readonly string[] = Object.freeze([Feature.Renew]);
const conversationsOnly: readonly string[] = Object.freeze([Feature.Conversations]);
const all: readonly string[] = Object.freeze([Feature.Renew, Feature.Conversations]);

/** Returns the known ones of some features; shared. */
function known(features: readonly string[]): readonly string[] {
  if (!features.includes(Feature.Conversations)) return features.includes(Feature.Renew) ? renewOnly : none;
  return features.includes(Feature.Renew) ? all : conversationsOnly;
}

/** Returns what a gateway passes on of the requested features; the lists are shared between connections. */
export function passedFeatures(asked: readonly string[]): readonly string[] {
  const passed = known(asked);
  return passed === none ? firstVersionOnly : passed;
}

/** Returns the passed features that this release knows; shared. */
export function knownFeatures(passed: readonly string[]): readonly string[] {
  const features = known(passed);
  return features === none && passed.includes(firstVersion) ? firstVersionOnly : features;
}

/** Returns the features that the client is granted; shared. */
export function grantedFeatures(passed: readonly string[]): readonly string[] {
  return known(passed);
}

/** Reports whether the gateway said that the client uses the first version of the protocol. */
export function isOfFirstVersion(features: readonly string[]): boolean {
  return features.includes(firstVersion);
}

/** Reports whether features include `conversations`; undefined are those of a location without any. */
export function hasConversations(features: readonly string[] | undefined): boolean {
  return features?.includes(Feature.Conversations) === true;
}

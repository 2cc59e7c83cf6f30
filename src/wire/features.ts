// What a client can ask for beyond the first version of the protocol (LoginReq.features, proto/README.md, section 5). A
// gateway passes on those that it knows, and the login service grants those that it knows of these: a feature is granted
// only where both have it, in a cluster of two releases, too.

export const Feature = {
  /** `login.renew`: a new token on a connection that is signed in. */
  Renew: "renew",
} as const;

/**
 * What a gateway passes on for a client that has asked for nothing that it knows: one of the first version of the protocol. A
 * gateway of a release without features passes nothing on, whatever its clients ask for, and they count as no such clients.
 */
const firstVersion = "first-version";

const none: readonly string[] = Object.freeze([]);
const renewOnly: readonly string[] = Object.freeze([Feature.Renew]);
const firstVersionOnly: readonly string[] = Object.freeze([firstVersion]);

/** What a gateway passes on of the features that a client asked for. The lists are shared: a connection holds none of its own. */
export function passedFeatures(asked: readonly string[]): readonly string[] {
  return asked.includes(Feature.Renew) ? renewOnly : firstVersionOnly;
}

/** Those that a gateway passed on and this release knows; shared. */
export function knownFeatures(passed: readonly string[]): readonly string[] {
  if (passed.includes(Feature.Renew)) return renewOnly;
  return passed.includes(firstVersion) ? firstVersionOnly : none;
}

/** Those of them that the client is granted; shared. */
export function grantedFeatures(passed: readonly string[]): readonly string[] {
  return passed.includes(Feature.Renew) ? renewOnly : none;
}

/** True where the gateway said that the client is of the first version of the protocol. */
export function isOfFirstVersion(features: readonly string[]): boolean {
  return features.includes(firstVersion);
}

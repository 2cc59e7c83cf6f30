// Features that a client can request beyond the first version of the protocol (LoginReq.features, proto/README.md,
// section 5). A gateway passes on the features that it knows, and the login service grants those of them that it knows:
// in a cluster of two releases a feature is granted only if both have it.

export const Feature = {
  /** `login.renew`: a new token on a connection that is signed in. */
  Renew: "renew",
} as const;

/**
 * Passed on for a client without known features, which uses the first version of the protocol. Gateways of earlier
 * releases pass nothing on, so their clients do not count as such.
 */
const firstVersion = "first-version";

const none: readonly string[] = Object.freeze([]);
const renewOnly: readonly string[] = Object.freeze([Feature.Renew]);
const firstVersionOnly: readonly string[] = Object.freeze([firstVersion]);

/** Returns what a gateway passes on of the requested features; the lists are shared between connections. */
export function passedFeatures(asked: readonly string[]): readonly string[] {
  return asked.includes(Feature.Renew) ? renewOnly : firstVersionOnly;
}

/** Returns the passed features that this release knows; shared. */
export function knownFeatures(passed: readonly string[]): readonly string[] {
  if (passed.includes(Feature.Renew)) return renewOnly;
  return passed.includes(firstVersion) ? firstVersionOnly : none;
}

/** Returns the features that the client is granted; shared. */
export function grantedFeatures(passed: readonly string[]): readonly string[] {
  return passed.includes(Feature.Renew) ? renewOnly : none;
}

/** Reports whether the gateway said that the client uses the first version of the protocol. */
export function isOfFirstVersion(features: readonly string[]): boolean {
  return features.includes(firstVersion);
}

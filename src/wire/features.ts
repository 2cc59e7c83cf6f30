// What a client can ask for beyond the first version of the protocol (LoginReq.features, proto/README.md, section 5). A
// gateway passes on those that it knows, and the login service grants those that it knows of these: a feature is granted
// only where both have it, in a cluster of two releases, too.

export const Feature = {
  /** `login.renew`: a new token on a connection that is signed in. */
  Renew: "renew",
} as const;

const none: readonly string[] = Object.freeze([]);
const renewOnly: readonly string[] = Object.freeze([Feature.Renew]);

/** Those of the features asked for that this release knows. The lists are shared: a connection holds none of its own. */
export function knownFeatures(asked: readonly string[]): readonly string[] {
  return asked.includes(Feature.Renew) ? renewOnly : none;
}

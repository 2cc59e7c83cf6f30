// Key pairs, key sets and tokens as an issuer makes them: with node:crypto alone, and not with the server's own code.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

type Members = Readonly<Record<string, unknown>>;

/** The private keys by algorithm; made once, because RSA takes long. */
const privateKeys = new Map<string, KeyObject>();

function make(algorithm: string): KeyObject {
  switch (algorithm) {
    case "RS256":
      return generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    case "RS1024":
      return generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey;
    case "ES256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ES384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    default:
      return generateKeyPairSync("ed25519").privateKey;
  }
}

/** Returns the private key of a name such as `RS256`, or `RS256 second`. */
export function privateKey(name: string): KeyObject {
  const [algorithm = ""] = name.split(" ");
  const key = privateKeys.get(name) ?? make(algorithm);
  privateKeys.set(name, key);
  return key;
}

/** Returns the JWK of a private key. */
export function privateJwk(name: string): Members {
  return { ...privateKey(name).export({ format: "jwk" }) };
}

/** Returns the JWK of the public key that belongs to a private key, with more members. */
export function publicJwk(name: string, members: Members = {}): Members {
  const { kty, crv, n, e, x, y } = privateJwk(name);
  return { ...Object.fromEntries(Object.entries({ kty, crv, n, e, x, y }).filter(([, value]) => value)), ...members };
}

/** Returns the text of a key set. */
export const jwksText = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

/** Returns a token that the key called `name` signs as its type does, whatever its header says. */
export function issuedToken(name: string, header: Members, claims: Members): string {
  const part = (value: Members): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(claims)}`;
  const key = privateKey(name);
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const signature = sign(digest, Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

// Public keys that verify client tokens, from a JSON Web Key Set (RFC 7517). The type of a key fixes the algorithm that
// it verifies: nothing that a token says can choose another one (RFC 8725, 3.1 and 3.2).

import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { isFields, type Fields } from "../base/json-fields.ts";
import { faultAt, type Field, listOf, parseJsonFile } from "../base/json-file.ts";
import { jwksKeysMax, kidCharactersMax, rsaBitsMax, rsaBitsMin } from "../base/limits/fixed.ts";

/** A key of an issuer. It is compared by identity: the verifier keeps the object of a key that stays. */
export interface PublicKey {
  /** The values of `alg` that the key verifies: RS256, ES256, or the two names of Ed25519. */
  readonly algorithms: readonly string[];
  readonly key: KeyObject;
  /** SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal. */
  readonly digest: string;
}

/** A key and the id by which tokens name it. */
export interface JwksKey {
  readonly kid: string | undefined;
  readonly key: PublicKey;
}

/** A key set as read. */
interface Jwks {
  /** 1 to 64 keys with different kids. */
  readonly keys: readonly JwksKey[];
  /** Why each of the others verifies no tokens, with its place in the file. */
  readonly skipped: readonly string[];
}

type PublicMembers = Readonly<Record<string, string>>;

/** What a type of key consists of, and which tokens it verifies. */
interface KeyKind {
  readonly algorithms: readonly string[];
  /** Reads the public members alone. Throws BadFile. */
  readonly members: (field: Field, fields: Fields) => PublicMembers;
}

/** Bytes of a coordinate of P-256, and of a public key of Ed25519. */
const coordinateBytes = 32;
/** Bytes of an RSA key's public exponent. */
const exponentBytesMax = 4;
/** Members of private keys, by type (RFC 7518, 6.2.2 and 6.3.2; RFC 8037, 2; draft-ietf-cose-dilithium). */
const privateMembers: ReadonlyMap<string, readonly string[]> = new Map([
  ["RSA", ["d", "p", "q", "dp", "dq", "qi", "oth"]],
  ["EC", ["d"]],
  ["OKP", ["d"]],
  ["AKP", ["priv"]],
]);
const base64url = /^[A-Za-z0-9_-]+$/;

const rsa: KeyKind = {
  algorithms: ["RS256"],
  members(field, fields) {
    const modulus = bytesAt(field, fields, "n");
    const bits = bitsOf(modulus);
    if (bits < rsaBitsMin || bits > rsaBitsMax)
      throw faultAt(field, `an RSA key of ${bits} bits; expected ${rsaBitsMin} to ${rsaBitsMax}`);
    if (!isOdd(modulus)) throw faultAt(memberOf(field, "n"), "expected an odd number, the product of two primes");
    const exponent = bytesAt(field, fields, "e");
    const isSmall = bitsOf(exponent) <= 1;
    if (isSmall || exponent.length > exponentBytesMax || !isOdd(exponent))
      throw faultAt(memberOf(field, "e"), "expected an odd number from 3 to 2^32 - 1; 65537 (AQAB) is usual");
    return { kty: "RSA", n: textAt(field, fields, "n"), e: textAt(field, fields, "e") };
  },
};

const p256: KeyKind = {
  algorithms: ["ES256"],
  members(field, fields) {
    const [x, y] = [coordinateAt(field, fields, "x"), coordinateAt(field, fields, "y")];
    return { kty: "EC", crv: "P-256", x, y };
  },
};

const ed25519: KeyKind = {
  // RFC 9864 names the algorithm Ed25519; most issuers still write EdDSA.
  algorithms: ["EdDSA", "Ed25519"],
  members(field, fields) {
    const x = coordinateAt(field, fields, "x");
    if (isOfSmallOrder(Buffer.from(x, "base64url")))
      throw faultAt(memberOf(field, "x"), "not a public key: signatures for it verify without a private one");
    return { kty: "OKP", crv: "Ed25519", x };
  },
};

/**
 * Parses a key set. `path` names it in messages. Keys that cannot verify tokens (of unknown types, curves and
 * algorithms, or for encryption) are skipped, because issuers publish them beside the others (RFC 7517, 5).
 * @throws BadFile if the set holds secret keys, weak or malformed ones, two keys with one kid, or none that verifies
 */
export function parseJwks(text: string, path: string): Jwks {
  const whole = parseJsonFile(text, path);
  if (!isFields(whole.value) || !Object.hasOwn(whole.value, "keys"))
    throw faultAt(whole, 'expected a JSON Web Key Set: {"keys": […]}');
  const keys: JwksKey[] = [];
  const skipped: string[] = [];
  const kids = new Set<string>();
  for (const field of listOf(memberOf(whole, "keys"), jwksKeysMax)) {
    if (!isFields(field.value)) throw faultAt(field, "expected an object");
    const fields = field.value;
    const kind = kindOf(field, fields);
    const reason = typeof kind === "string" ? kind : reasonToSkip(kind, fields);
    if (typeof kind === "string" || reason !== undefined) {
      skipped.push(`${field.name}: ${reason}`);
      continue;
    }
    const kid = kidOf(field, fields);
    if (kid !== undefined && kids.has(kid)) throw faultAt(memberOf(field, "kid"), "another key has the same kid");
    if (kid !== undefined) kids.add(kid);
    keys.push({ kid, key: publicKeyOf(kind, field, fields) });
  }
  if (keys.length === 0)
    throw faultAt(whole, "no key verifies tokens; expected an RSA, P-256 or Ed25519 key for signatures");
  return { keys, skipped };
}

/** Returns the kind of a key, or why keys of this kind are skipped. Throws BadFile if the key is a secret. */
function kindOf(field: Field, fields: Fields): KeyKind | string {
  const { kty, crv } = fields;
  if (typeof kty !== "string") throw faultAt(memberOf(field, "kty"), "expected the type of the key, such as RSA");
  if (kty === "oct")
    throw faultAt(
      field,
      "a symmetric key (oct) is a secret and belongs in the secret file, as [app kid] key; remove it here",
    );
  const secret = privateMembers.get(kty)?.find((member) => Object.hasOwn(fields, member));
  if (secret !== undefined)
    throw faultAt(
      memberOf(field, secret),
      "a part of a private key; replace this key, which has been disclosed, and export public keys only",
    );
  if (kty !== "RSA" && kty !== "EC" && kty !== "OKP") return `unknown type of key (kty) ${shown(kty)}`;
  if (kty === "RSA") return rsa;
  if (kty === "EC" && crv === "P-256") return p256;
  if (kty === "OKP" && crv === "Ed25519") return ed25519;
  return `unsupported curve (crv) ${shown(crv)}`;
}

/** Returns why a key of a supported kind is not for signatures of tokens, or undefined. */
function reasonToSkip({ algorithms }: KeyKind, { use, key_ops: operations, alg }: Fields): string | undefined {
  if (use !== undefined && use !== "sig") return `not for signatures: use is ${shown(use)}`;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify")))
    return "not for signatures: key_ops has no verify";
  if (alg !== undefined && !algorithms.some((each) => each === alg))
    return `unsupported alg ${shown(alg)}; supported: ${algorithms.join(", ")}`;
  return undefined;
}

function kidOf(field: Field, { kid }: Fields): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid !== "string" || kid === "" || kid.length > kidCharactersMax)
    throw faultAt(memberOf(field, "kid"), `expected 1 to ${kidCharactersMax} characters`);
  return kid;
}

function publicKeyOf({ algorithms, members }: KeyKind, field: Field, fields: Fields): PublicKey {
  const jwk = members(field, fields);
  try {
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const digest = createHash("sha256")
      .update(key.export({ type: "spki", format: "der" }))
      .digest("hex");
    return { algorithms, key, digest };
  } catch (cause) {
    const fault = faultAt(field, `not a valid ${jwk["kty"]} key`);
    fault.cause = cause;
    throw fault;
  }
}

const memberOf = (field: Field, key: string): Field => ({
  ...field,
  name: field.name === "" ? key : `${field.name}.${key}`,
  value: isFields(field.value) ? field.value[key] : undefined,
});

function textAt(field: Field, fields: Fields, key: string): string {
  const text = fields[key];
  if (typeof text !== "string" || !base64url.test(text)) throw faultAt(memberOf(field, key), "expected base64url");
  return text;
}

/** Returns the bytes of a number, which begin with another byte than 0. */
function bytesAt(field: Field, fields: Fields, key: string): Buffer {
  const bytes = Buffer.from(textAt(field, fields, key), "base64url");
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? Buffer.alloc(0) : bytes.subarray(first);
}

/** Checks the length, which is fixed: zeros at the beginning are written (RFC 7518, 6.2.1.2). */
function coordinateAt(field: Field, fields: Fields, key: string): string {
  const text = textAt(field, fields, key);
  if (Buffer.from(text, "base64url").length === coordinateBytes) return text;
  throw faultAt(memberOf(field, key), `expected ${coordinateBytes} bytes in base64url`);
}

/** The prime of the curve, and the y of a point of order 8 (https://www.rfc-editor.org/rfc/rfc8032#section-5.1). */
const prime25519 = 2n ** 255n - 19n;
const orderEightY = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
/** The points whose order divides 8 have these y. */
const smallOrderYs = new Set([0n, 1n, prime25519 - 1n, orderEightY, prime25519 - orderEightY]);

/** Reports whether a public key of Ed25519 is a point for which a constant signature fits many messages. */
function isOfSmallOrder(key: Buffer): boolean {
  // The number is little-endian, and the highest bit is the sign of x.
  const number = BigInt(`0x${Buffer.from(key.toReversed()).toString("hex")}`);
  return smallOrderYs.has(BigInt.asUintN(255, number) % prime25519);
}

function isOdd(bytes: Buffer): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 1;
}

function bitsOf(bytes: Buffer): number {
  const [first = 0] = bytes;
  return bytes.length === 0 ? 0 : 8 * bytes.length - Math.clz32(first) + 24;
}

/** Shows a value of the file in a message, shortened. */
function shown(value: unknown): string {
  const charactersMax = 40;
  return JSON.stringify(typeof value === "string" ? value.slice(0, charactersMax) : typeof value);
}

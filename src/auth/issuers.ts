// Issuers whose public keys verify tokens of an app. A line of the secret file pins the issuer, and the audience if its
// tokens carry one, to the app; a token that names another issuer is refused before any cryptography.

import { type Changer, changerOf } from "../base/file-trust.ts";
import { audienceCharactersMax, issuersMax, issuersPerAppMax, jwksBytesMax } from "../base/limits/fixed.ts";
import { readSmallFile } from "../base/small-file.ts";
import { type JwksKey, parseJwks, type PublicKey } from "./jwks.ts";

/** A line of the secret file: an issuer of tokens of one app, and the file with its keys. */
export interface IssuerLine {
  readonly app: string;
  /** Absolute path of a JWKS file. */
  readonly path: string;
  /** A token's `iss`, character by character. */
  readonly issuer: string;
  /** What a token's `aud` must contain. If undefined, tokens with an `aud` are refused (RFC 7519, 4.1.3). */
  readonly audience: string | undefined;
}

/** An issuer with its keys. */
export interface Issuer extends IssuerLine {
  readonly keys: readonly JwksKey[];
}

const linePattern = /^jwks=(\/\S*) issuer=(\S+?)(?: audience=(\S+))?$/;

/** Describes a valid line in messages. */
export const issuerRule =
  "[app] jwks=/path/of/keys.json issuer=ISSUER, and audience=AUDIENCE if its tokens have an aud, none with blanks";

/** Parses what follows the app in a line of the secret file; undefined if it is malformed. */
export function issuerLineFrom(app: string, text: string): IssuerLine | undefined {
  const [, path = "", issuer = "", audience] = linePattern.exec(text) ?? [];
  const isLong = issuer.length > audienceCharactersMax || (audience?.length ?? 0) > audienceCharactersMax;
  return path === "" || isLong ? undefined : { app, path, issuer, audience };
}

/** Adds an issuer to those of a file; returns what is wrong with that, or undefined. */
export function addIssuer(known: IssuerLine[], added: IssuerLine): string | undefined {
  const others = known.filter(({ app }) => app === added.app);
  if (others.some(({ issuer }) => issuer === added.issuer)) return "this app has the same issuer already; remove one";
  if (others.length === issuersPerAppMax) return `an app has at most ${issuersPerAppMax} issuers; remove unused ones`;
  if (known.length === issuersMax) return `at most ${issuersMax} issuers are allowed; remove unused ones`;
  known.push(added);
  return undefined;
}

interface IssuerFile {
  readonly issuer: Issuer;
  readonly skipped: readonly string[];
  /** Who else can change the file, besides this user and root. */
  readonly changer: Changer | undefined;
}

/**
 * Reads the keys of an issuer.
 * @param waits whether to wait for the writer of a pipe; a running server does not
 * @throws UnreadableFile, BadFile
 */
export function readIssuer(line: IssuerLine, waits: boolean): IssuerFile {
  const { text, stats } = readSmallFile(line.path, { bytesMax: jwksBytesMax, waits });
  const { keys, skipped } = parseJwks(text, line.path);
  return { issuer: { ...line, keys }, skipped, changer: changerOf(stats) };
}

/** Keys that a token may be verified with. */
export interface KeySet {
  readonly audience: string | undefined;
  readonly byKid: ReadonlyMap<string, PublicKey>;
  readonly all: readonly PublicKey[];
}

/** The issuers of all apps. */
export class Issuers {
  private readonly byApp = new Map<string, Map<string, KeySet>>();
  /** The keys by what they are and what they are good for. */
  private readonly known = new Map<string, PublicKey>();

  /** A key that stays keeps the object that it has in `before`, unless what it is pinned to has changed. */
  constructor(issuers: readonly Issuer[], before?: Issuers) {
    for (const { app, issuer, audience, keys } of issuers) {
      const same = (key: PublicKey): PublicKey => {
        const id = JSON.stringify([app, issuer, audience, key.digest]);
        const kept = before?.known.get(id) ?? this.known.get(id) ?? key;
        this.known.set(id, kept);
        return kept;
      };
      const held = keys.map(({ kid, key }) => ({ kid, key: same(key) }));
      const byKid = new Map(held.flatMap(({ kid, key }) => (kid === undefined ? [] : [[kid, key] as const])));
      const all = [...new Set(held.map(({ key }) => key))];
      const sets = this.byApp.get(app) ?? new Map<string, KeySet>();
      this.byApp.set(app, sets.set(issuer, { audience, byKid, all }));
    }
  }

  /** The number of apps that have issuers. */
  get size(): number {
    return this.byApp.size;
  }

  /** The key sets of an app by issuer; undefined if it has none. */
  of(app: string): ReadonlyMap<string, KeySet> | undefined {
    return this.byApp.get(app);
  }
}

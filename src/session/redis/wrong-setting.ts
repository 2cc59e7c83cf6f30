// Distinguishes a server that is away from one that refuses the URL's settings: the password, TLS, its certificates,
// or not being a Redis at all, or one of another kind. Bun's client reports most of these as a closed connection, so
// this file asks the server again over a socket of its own. The password of a URL with TLS goes only to a server that
// has been verified.

import type { Socket } from "bun";
import { reasonOf } from "../../base/reason-of.ts";
import { UnreadableFile } from "../../base/small-file.ts";
import { BadCertificate } from "../../transport/tls/certificate.ts";
import { type ClientTls, serverFault } from "../../transport/tls/client-files.ts";
import { WrongMode } from "./redis-connection.ts";
import { isTlsUrl, readTarget } from "./redis-url.ts";

const answerMsMax = 1_500;
const answerBytesMax = 60;
/** Errors of the server or of Bun's client for a setting that stays wrong until somebody changes it. */
const refusals = /^(WRONGPASS|NOAUTH|NOPERM|ERR (DB index|invalid password|AUTH)|Invalid database number)/;
/** RESP: a status, an error, a number, a string, a list. */
const isReply = /^[-+:$*]/;
/** A TLS alert: its type, and the first byte of every version. */
const tlsAlert = "\u0015\u0003";

/**
 * Returns which setting of `url` the server refuses, and what to do; undefined if `error` may be transient. Never
 * rejects: files that the URL names may have gone bad since it was used.
 */
export async function wrongSetting(url: string, error: unknown): Promise<string | undefined> {
  const reason = reasonOf(error);
  if (error instanceof BadCertificate || error instanceof UnreadableFile || error instanceof WrongMode) return reason;
  return refusals.test(reason) ? credentials(reason) : settingRefused(url).catch(reasonOf);
}

/** Rejects as readTarget does. */
async function settingRefused(url: string): Promise<string | undefined> {
  const target = new URL(url);
  const { tls } = readTarget(url);
  const unverified = tls === undefined ? undefined : await certificateFault(url);
  if (unverified !== undefined) return unverified;
  const answer = await answerTo(authOf(target), target, tls);
  if (isReply.test(answer)) {
    const said = answer.slice(1);
    return refusals.test(said) ? credentials(said) : undefined;
  }
  // A server that expects the other protocol closes the connection, or sends an alert.
  if (answer === "" || answer.startsWith(tlsAlert)) {
    const scheme = target.protocol.startsWith("redis") ? "redis" : "valkey";
    if (tls === undefined)
      return (await speaksTls(target)) ? `it speaks only TLS; write ${scheme}s:// in its URL` : undefined;
    const isPlain = isReply.test(await answerTo(["PING"], target, undefined));
    return isPlain ? `it does not speak TLS; write ${scheme}:// in its URL` : undefined;
  }
  return `the server is not a Redis: it says ${JSON.stringify(answer.slice(0, answerBytesMax))}; correct the URL`;
}

/**
 * Shakes hands as the client does. Returns what is wrong with the certificate of the server or the URL; undefined if
 * nothing is, or the server cannot be reached.
 */
async function certificateFault(text: string): Promise<string | undefined> {
  const url = new URL(text);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const nothing = (): void => resolve(undefined);
  const timer = setTimeout(nothing, answerMsMax);
  const { tls } = readTarget(text);
  let isShaken = false;
  const dialled = Bun.connect({
    ...endpointOf(url),
    tls: { ...tls, rejectUnauthorized: true },
    socket: {
      handshake: (socket, isDone, error) => {
        isShaken = isDone && socket.authorized;
        if (isShaken) socket.write("*1\r\n$4\r\nPING\r\n");
        // Without a fault of the certificate it does not speak TLS, or the network failed.
        else resolve(serverFault(error, "ca"));
      },
      data: nothing,
      // TLS 1.3 lets a server refuse a client's certificate only after the client has finished.
      close: () =>
        resolve(
          isShaken && tls?.cert === undefined
            ? "it ends the connection after the TLS handshake: it may demand a certificate (?cert=FILE&key=FILE)"
            : undefined,
        ),
      error: () => undefined,
      connectError: nothing,
    },
  });
  dialled.catch(nothing);
  const fault = await promise;
  clearTimeout(timer);
  dialled.then(
    (socket) => socket.terminate(),
    () => undefined,
  );
  return fault;
}

/** Returns why nothing can be reached at `url`; undefined if something can, or if unknown. Never rejects. */
export async function unreachable(url: string): Promise<string | undefined> {
  const ignore = (): void => undefined;
  const dialled = Bun.connect({ ...endpointOf(new URL(url)), socket: { data: ignore, connectError: ignore } });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), answerMsMax);
  dialled.then(
    (socket) => {
      socket.terminate();
      resolve(isTlsUrl(new URL(url)) ? certificateFault(url).catch(reasonOf) : undefined);
    },
    (error: unknown) => resolve(reasons.get(error instanceof Error && "code" in error ? error.code : undefined)),
  );
  return promise.finally(() => clearTimeout(timer));
}

const reasons: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ENOTFOUND", "host name not found"],
]);

function credentials(said: string): string {
  return `${said}; check the URL's user, password and database`;
}

/** The command that tells a server the URL's user and password. */
function authOf({ username, password }: URL): readonly string[] {
  const user = username === "" ? [] : [decodeURIComponent(username)];
  return password === "" ? ["PING"] : ["AUTH", ...user, decodeURIComponent(password)];
}

/**
 * Returns the first line of the answer to a command; '' without an answer in time. With `tls` the command follows only
 * a handshake in which the server has been verified; without, it is sent in plain text.
 */
async function answerTo(words: readonly string[], url: URL, tls: ClientTls | undefined): Promise<string> {
  const request = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
  const { promise, resolve } = Promise.withResolvers<string>();
  const nothing = (): void => resolve("");
  const ask = (socket: Socket): void => void socket.write(`*${words.length}\r\n${request}`);
  const timer = setTimeout(nothing, answerMsMax);
  const dialled = Bun.connect({
    ...endpointOf(url),
    tls: tls === undefined ? false : { ...tls, rejectUnauthorized: true },
    socket: {
      open: (socket) => {
        if (tls === undefined) ask(socket);
      },
      handshake: (socket, isDone) => {
        if (isDone && socket.authorized) ask(socket);
        else nothing();
      },
      data: (_, data) => resolve(/^[^\r\n]*/.exec(data.toString("latin1"))?.[0] ?? ""),
      close: nothing,
      error: nothing,
      connectError: nothing,
    },
  });
  dialled.catch(nothing);
  const answer = await promise;
  clearTimeout(timer);
  dialled.then(
    (socket) => socket.terminate(),
    () => undefined,
  );
  return answer;
}

/** Reports whether a handshake succeeds, with any certificate; it is followed by nothing. */
async function speaksTls(url: URL): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const no = (): void => resolve(false);
  const timer = setTimeout(no, answerMsMax);
  const dialled = Bun.connect({
    ...endpointOf(url),
    tls: { rejectUnauthorized: false },
    socket: {
      handshake: (_, isDone, error) => resolve(isDone || serverFault(error, "ca") !== undefined),
      data: () => undefined,
      close: no,
      error: no,
      connectError: no,
    },
  });
  dialled.catch(no);
  const isTls = await promise;
  clearTimeout(timer);
  dialled.then(
    (socket) => socket.terminate(),
    () => undefined,
  );
  return isTls;
}

function endpointOf({ hostname, port }: URL): { hostname: string; port: number } {
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 6379 };
}

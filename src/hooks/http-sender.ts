// Sends requests to endpoints, by HTTP/1.1 over connections of its own: fetch resolves names by itself, obeys
// HTTP_PROXY and follows redirects, each of which would lead past the check of addresses. An idle connection is kept
// for the next request to the same place.

import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { isIP } from "node:net";
import { type Cancel, type Timers } from "../base/timers.ts";
import { formatAddress } from "../transport/address.ts";
import { certificateFailure } from "../transport/tls/peer-verification.ts";
import { AddressRefused, type Destination, type HookAddresses } from "./addresses.ts";
import { AnswerReader, type HttpAnswer } from "./answer-reader.ts";

/** An idle connection is closed after this time: many servers close theirs after five seconds. */
const idleMs = 4_000;
/** The connections that are kept: of one place as many as a before hook has requests at once, and of all together. */
const idleOfPlaceMax = 8;
const idleMax = 64;

/** The request was not answered; the message is a sentence's end for an operator: "it …". */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

export interface SenderOptions {
  readonly addresses: HookAddresses;
  /** A proxy for all requests, http://host:port; undefined: none. */
  readonly proxy: URL | undefined;
  readonly timers: Timers;
  readonly version: string;
  /** PEM: authorities besides the system's. */
  readonly authorities?: string;
}

interface Idle {
  readonly socket: Socket;
  readonly cancel: Cancel;
  /** Listens for what ends it. */
  readonly end: () => void;
}

/** The sockets of one request, which can be ended before it is answered. */
interface Attempt {
  readonly sockets: Socket[];
  isEnded: boolean;
}

export class HttpSender {
  private readonly options: SenderOptions;
  /** By places; the last one of a place was used last. */
  private readonly idle = new Map<string, Idle[]>();
  private idleCount = 0;
  private readonly open = new Set<Socket>();
  private isClosed = false;

  constructor(options: SenderOptions) {
    this.options = options;
  }

  /** Posts JSON; rejects with AddressRefused and NoAnswer. `waitMs` bounds all of it. */
  async post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const ended = Promise.withResolvers<never>();
    const attempt: Attempt = { sockets: [], isEnded: false };
    const end = (reason: string): void => {
      attempt.isEnded = true;
      ended.reject(new NoAnswer(reason));
      for (const socket of attempt.sockets) socket.destroy();
    };
    const cancel = this.options.timers.after(waitMs, () => end(`has not answered within ${waitMs} ms`));
    const aborted = (): void => end("was not waited for");
    signal?.addEventListener("abort", aborted);
    try {
      return await Promise.race([this.send(url, headers, body, attempt), ended.promise]);
    } finally {
      cancel();
      signal?.removeEventListener("abort", aborted);
    }
  }

  /** Ends all connections. */
  close(): void {
    this.isClosed = true;
    for (const { cancel } of [...this.idle.values()].flat()) cancel();
    this.idle.clear();
    this.idleCount = 0;
    for (const socket of this.open) socket.destroy();
  }

  private async send(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    attempt: Attempt,
  ): Promise<HttpAnswer> {
    const { addresses, proxy } = this.options;
    const place = await addresses.find(url, proxy !== undefined).catch((error: unknown) => {
      if (error instanceof AddressRefused) throw error;
      throw new NoAnswer(`has a name that cannot be resolved (${codeOf(error)})`, { cause: error });
    });
    const isTunnel = proxy !== undefined && place.isSecure;
    const path = proxy === undefined || isTunnel ? place.path : `http://${place.host}${place.path}`;
    const head = [
      `POST ${path} HTTP/1.1`,
      `host: ${place.host}`,
      `user-agent: roost/${this.options.version}`,
      "accept: application/json",
      "content-type: application/json",
      `content-length: ${body.length}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    const request = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
    const key = `${place.isSecure ? "https" : "http"} ${place.name} ${formatAddress(place.address, place.port)}`;
    const kept = this.takeIdle(key);
    if (kept !== undefined) {
      attempt.sockets.push(kept);
      // The server may have closed it meanwhile; then it has read nothing, or the endpoint is told twice.
      const answer = await this.exchange(kept, request, key).catch((error: unknown) => {
        if (error instanceof NoAnswer && !attempt.isEnded) return undefined;
        throw error;
      });
      if (answer !== undefined) return answer;
    }
    const socket = await this.dial(place, attempt);
    return this.exchange(socket, request, key);
  }

  private async dial(place: Destination, attempt: Attempt): Promise<Socket> {
    const { proxy } = this.options;
    const first =
      proxy === undefined
        ? { host: place.address, port: place.port }
        : { host: proxy.hostname.replace(/^\[|\]$/g, ""), port: Number(proxy.port === "" ? 80 : proxy.port) };
    if (!place.isSecure) return this.connected(connectPlain({ ...first }), "connect", attempt);
    const servername = isIP(place.name) === 0 ? { servername: place.name } : {};
    const { authorities } = this.options;
    const tls = {
      ...servername,
      ...(authorities === undefined ? {} : { ca: authorities }),
      ALPNProtocols: ["http/1.1"],
    };
    if (proxy === undefined) return this.connected(connectSecurely({ ...first, ...tls }), "secureConnect", attempt);
    const socket = await this.connected(connectPlain({ ...first }), "connect", attempt);
    await this.openTunnel(socket, place, proxy);
    return this.connected(connectSecurely({ socket, ...tls }), "secureConnect", attempt);
  }

  private async openTunnel(socket: Socket, { address, port }: Destination, proxy: URL): Promise<void> {
    const target = formatAddress(address, port);
    const reader = new AnswerReader("CONNECT");
    const request = Buffer.from(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
    // A successful answer to CONNECT has no body (RFC 9110, 9.3.6).
    const { status } = await this.talk(socket, request, (bytes) =>
      bytes === undefined ? reader.end() : reader.push(bytes),
    );
    if (status !== 200) throw new NoAnswer(`was not reached: the proxy ${proxy.host} answered ${status}`);
  }

  private connected(socket: Socket, event: "connect" | "secureConnect", attempt: Attempt): Promise<Socket> {
    attempt.sockets.push(socket);
    this.open.add(socket);
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        socket.destroy();
        const certificate = certificateFailure(error);
        reject(new NoAnswer(certificate ?? `cannot be reached (${codeOf(error)})`, { cause: error }));
      };
      socket.once("error", failed);
      socket.once("close", () => {
        this.open.delete(socket);
        failed(new Error("closed"));
      });
      socket.once(event, () => {
        socket.off("error", failed);
        resolve(socket);
      });
      if (this.isClosed || attempt.isEnded) socket.destroy();
    });
  }

  private async exchange(socket: Socket, request: Buffer, key: string): Promise<HttpAnswer> {
    const reader = new AnswerReader();
    const answer = await this.talk(socket, request, (bytes) =>
      bytes === undefined ? reader.end() : reader.push(bytes),
    );
    if (answer.mayReuse && !this.isClosed) this.keepIdle(key, socket);
    else socket.destroy();
    return answer;
  }

  /** Writes a request and reads until there is an answer; `read` is called without bytes when the connection ends. */
  private talk(
    socket: Socket,
    request: Buffer,
    read: (bytes: Buffer | undefined) => HttpAnswer | undefined,
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        socket.off("data", data).off("end", ended).off("close", ended).off("error", failed);
        socket.pause();
        act();
      };
      const failed = (error: Error): void =>
        settle(() => {
          socket.destroy();
          reject(new NoAnswer(`ended the connection (${codeOf(error)})`, { cause: error }));
        });
      const take = (bytes: Buffer | undefined): void => {
        try {
          const answer = read(bytes);
          if (answer !== undefined) settle(() => resolve(answer));
        } catch (error) {
          settle(() => {
            socket.destroy();
            const reason = error instanceof Error ? error.message : "";
            reject(new NoAnswer(`gave no answer: ${reason}`, { cause: error }));
          });
        }
      };
      const data = (bytes: Buffer): void => take(bytes);
      const ended = (): void => take(undefined);
      socket.on("data", data).on("end", ended).on("close", ended).on("error", failed);
      socket.resume();
      socket.write(request);
    });
  }

  private keepIdle(key: string, socket: Socket): void {
    const ofPlace = this.idle.get(key) ?? [];
    if (ofPlace.length >= idleOfPlaceMax || this.idleCount >= idleMax) {
      socket.destroy();
      return;
    }
    const end = (): void => {
      this.forgetIdle(key, idle);
      socket.destroy();
    };
    const idle = { socket, cancel: this.options.timers.after(idleMs, end), end };
    ofPlace.push(idle);
    this.idle.set(key, ofPlace);
    this.idleCount++;
    // What comes without a request is no answer to the next one.
    socket.on("error", end).on("end", end).on("close", end).on("data", end);
    socket.resume();
  }

  private takeIdle(key: string): Socket | undefined {
    const idle = this.idle.get(key)?.at(-1);
    if (idle === undefined) return undefined;
    const { socket, cancel, end } = idle;
    this.forgetIdle(key, idle);
    cancel();
    socket.off("error", end).off("end", end).off("close", end).off("data", end);
    return socket.destroyed ? undefined : socket;
  }

  private forgetIdle(key: string, idle: Idle): void {
    const ofPlace = this.idle.get(key) ?? [];
    const at = ofPlace.indexOf(idle);
    if (at < 0) return;
    ofPlace.splice(at, 1);
    this.idleCount--;
    if (ofPlace.length === 0) this.idle.delete(key);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : error instanceof Error ? error.message : "?";
}

// Chooses the next server to try. The URLs of the application are tried in order, round after round. Registry nodes, if
// any are configured, are asked at the beginning of each round and after each lost connection, since gateways come and
// go; a node that does not answer soon is not waited for. If none answers, the last answer and the application's URLs
// remain.

import { arrayOf, fieldsOf, jsonOf } from "../base/json-fields.ts";
import { NoAnswer, Sources } from "../base/sources.ts";
import { closeAbnormal } from "../wire/close-reason.ts";
import { Disconnected, errorOf } from "./client-errors.ts";
import type { Environment } from "./environment.ts";

/** Bounds on a registry's answer and on the application's list. */
const urlsMax = 16;
const urlCharactersMax = 2_048;

interface GatewaySources {
  readonly urls: readonly string[];
  /** Addresses of registry nodes: `https://registry.example`. */
  readonly lookups: readonly string[];
  readonly environment: Environment;
}

export class Gateways {
  private readonly sources: GatewaySources;
  /** The key under which the registry chooses gateways: the same ones while they live. */
  private readonly key: string;
  private known: readonly string[] = [];
  /** The URLs of this round that have not been tried. */
  private untried: readonly string[] = [];
  private lost = "";
  private readonly nodes: Sources<string>;
  private readonly stopper = new AbortController();

  constructor(sources: GatewaySources) {
    this.sources = sources;
    this.nodes = new Sources(sources.lookups, (delayMs, action) => sources.environment.after(delayMs, action));
    this.key = sources.environment.newId();
    this.known = sources.urls.slice(0, urlsMax);
  }

  /** Returns the server to try now. Rejects with Disconnected if none is known. */
  async next(): Promise<string> {
    if (this.untried.length === 0) {
      const trouble = await this.ask();
      // The server whose connection was lost is tried last.
      const others = this.known.filter((url) => url !== this.lost);
      this.untried = others.length < this.known.length ? [...others, this.lost] : others;
      if (this.untried.length === 0) throw new Disconnected({ ...closeAbnormal, text: trouble });
    }
    const [url = "", ...rest] = this.untried;
    this.untried = rest;
    return url;
  }

  get isRoundOver(): boolean {
    return this.untried.length === 0;
  }

  /** Begins a new round, after a failure that concerns every server. */
  endRound(): void {
    this.untried = [];
  }

  /** Begins a new round, after a signed-in connection to `url` has ended. */
  lostTo(url: string): void {
    this.lost = url;
    this.endRound();
  }

  /** Aborts requests in progress; a pending `next` may never settle. */
  stop(): void {
    this.stopper.abort();
  }

  /** Asks the registry nodes; returns '' if one answered, or the reasons of all. */
  private async ask(): Promise<string> {
    const { urls, lookups, environment } = this.sources;
    if (lookups.length === 0) return "no server is named: give `url` or `lookup`";
    const ask = async (lookup: string, signal: AbortSignal): Promise<string[]> => {
      const address = `${lookup.replace(/\/+$/, "")}/api/lookup/${this.key}?scheme=${schemesHere()}`;
      const found = gatewaysIn(await environment.getText(address, signal, environment.ca));
      // What was learned over TLS leads to plain text only where there is nothing else.
      const secure = lookup.startsWith("https:") ? found.filter((url) => url.startsWith("wss:")) : [];
      return secure.length > 0 ? secure : found;
    };
    try {
      const found = await this.nodes.first(ask, this.stopper.signal);
      this.known = [...new Set([...found, ...urls])].slice(0, urlsMax);
      return "";
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return error.reasons
        .map(({ source, cause }) => `${String(source)} names no gateway: ${errorOf(cause).message}`)
        .join("; ");
    }
  }
}

/** A page that was loaded over TLS must not open connections without it. */
function schemesHere(): string {
  return typeof location !== "undefined" && location.protocol === "https:" ? "wss" : "ws,wss";
}

/** Returns the WebSocket URLs of an untrusted answer. Throws if it has none. */
function gatewaysIn(text: string): string[] {
  const domains = arrayOf(fieldsOf(jsonOf(text, "its answer"), "its answer")["domains"] ?? [], "its domains");
  const urls = domains.filter(isWebSocketUrl).slice(0, urlsMax);
  if (urls.length === 0) throw new Error("its answer holds no ws:// or wss:// URL");
  return urls;
}

function isWebSocketUrl(value: unknown): value is string {
  if (typeof value !== "string" || value.length > urlCharactersMax || !/^wss?:\/\//.test(value)) return false;
  try {
    return new URL(value).hash === "";
  } catch {
    return false;
  }
}

// Tells a server that is away from one that is there and refuses what the URL says: the password, TLS or none, or that it is
// a Redis at all. Bun's client reports all of it as a closed connection, so the server is asked once more, by hand.

const answerMsMax = 1_500;
const answerBytesMax = 60;
/** What the server or Bun's client says of a setting that is wrong for as long as nobody changes it. */
const refusals = /^(WRONGPASS|NOAUTH|NOPERM|ERR (DB index|invalid password|AUTH)|Invalid database number)/;
/** RESP: a status, an error, a number, a text, a list. */
const isReply = /^[-+:$*]/;
/** A TLS alert: its type, and the first byte of every version. */
const tlsAlert = "\u0015\u0003";

/** What the server refuses in `url`, as a clause with what to do; undefined where `error`, of a connection to it, may pass. */
export async function wrongSetting(url: string, error: unknown): Promise<string | undefined> {
  const reason = error instanceof Error ? error.message : String(error);
  if (refusals.test(reason)) return credentials(reason);
  const { protocol } = new URL(url);
  const isTls = protocol === "rediss:" || protocol === "valkeys:";
  const answer = await answerToAuth(new URL(url), isTls);
  if (isReply.test(answer)) {
    const said = answer.slice(1);
    return refusals.test(said) ? credentials(said) : undefined;
  }
  // Whoever hears the other dialect ends the connection without a word, or with an alert.
  if (answer === "" || answer.startsWith(tlsAlert)) {
    const other = await answerToAuth(new URL(url), !isTls);
    if (!isReply.test(other)) return undefined;
    const scheme = protocol.startsWith("redis") ? "redis" : "valkey";
    return isTls
      ? `it speaks no TLS; write ${scheme}:// in its URL`
      : `it speaks TLS only; write ${scheme}s:// in its URL`;
  }
  return `what answers there is no Redis: it says ${JSON.stringify(answer.slice(0, answerBytesMax))}; correct the URL`;
}

/** Why nobody can be reached at `url`, in words; undefined where somebody can, or only the platform knows. Never rejects. */
export async function unreachable(url: string): Promise<string | undefined> {
  const ignore = (): void => undefined;
  const dialled = Bun.connect({ ...endpointOf(new URL(url)), socket: { data: ignore, connectError: ignore } });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), answerMsMax);
  dialled.then(
    (socket) => {
      socket.terminate();
      resolve(undefined);
    },
    (error: unknown) => resolve(reasons.get(error instanceof Error && "code" in error ? error.code : undefined)),
  );
  return promise.finally(() => clearTimeout(timer));
}

const reasons: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ENOTFOUND", "no address is known for that name"],
]);

function credentials(said: string): string {
  return `${said}; check the URL's user, password and database`;
}

/** The first line that is answered to the URL's user and password; '' where nothing is in time. */
async function answerToAuth(url: URL, isTls: boolean): Promise<string> {
  const { username, password } = url;
  const user = username === "" ? [] : [decodeURIComponent(username)];
  const words = password === "" ? ["PING"] : ["AUTH", ...user, decodeURIComponent(password)];
  const request = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
  const { promise, resolve } = Promise.withResolvers<string>();
  const nothing = (): void => resolve("");
  const timer = setTimeout(nothing, answerMsMax);
  const dialled = Bun.connect({
    ...endpointOf(url),
    // Whom a certificate names is for the connection that is used.
    tls: isTls ? { rejectUnauthorized: false } : false,
    socket: {
      open: (socket) => void socket.write(`*${words.length}\r\n${request}`),
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

function endpointOf({ hostname, port }: URL): { hostname: string; port: number } {
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 6379 };
}

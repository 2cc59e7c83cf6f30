// Tells a server that is away from one that is there and refuses what the URL says. Bun's client reports a wrong password as
// a closed connection, so the server is asked once more, by hand.

const answerMsMax = 1_500;
/** What the server or Bun's client says of a setting that is wrong for as long as nobody changes it. */
const refusals = /^(WRONGPASS|NOAUTH|NOPERM|ERR (DB index|invalid password|AUTH)|Invalid database number)/;

/** What the server refuses in `url`, in its own words; undefined where `error`, of a connection to it, may pass. */
export async function wrongSetting(url: string, error: unknown): Promise<string | undefined> {
  const reason = error instanceof Error ? error.message : String(error);
  if (refusals.test(reason)) return reason;
  const isClosed = error instanceof Error && "code" in error && error.code === "ERR_REDIS_CONNECTION_CLOSED";
  if (!isClosed) return undefined;
  const answer = await answerToAuth(new URL(url));
  return refusals.test(answer) ? answer : undefined;
}

/** The error that the server answers to the URL's user and password; '' where it answers none in time. */
async function answerToAuth({ protocol, hostname, port, username, password }: URL): Promise<string> {
  const user = username === "" ? [] : [decodeURIComponent(username)];
  const words = password === "" ? ["PING"] : ["AUTH", ...user, decodeURIComponent(password)];
  const request = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
  const { promise, resolve } = Promise.withResolvers<string>();
  const nothing = (): void => resolve("");
  const timer = setTimeout(nothing, answerMsMax);
  const dialled = Bun.connect({
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || 6379,
    tls: protocol === "rediss:" || protocol === "valkeys:",
    socket: {
      open: (socket) => void socket.write(`*${words.length}\r\n${request}`),
      data: (_, data) => resolve(/^-([^\r\n]*)/.exec(data.toString("latin1"))?.[1] ?? ""),
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

// Commands to a browser by the DevTools protocol: JSON over a WebSocket, an answer to each. Events are passed over.

type Answer = Readonly<Record<string, unknown>>;

interface Reply {
  readonly id?: number;
  readonly result?: Answer;
  readonly error?: { readonly message: string };
}

/** For one command, on a busy machine too. */
const answerMsMax = 30_000;

export class DevTools {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, PromiseWithResolvers<Answer>>();
  private asked = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id = 0, result = {}, error }: Reply = JSON.parse(String(data));
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(`the browser refuses: ${error.message}`));
    });
    socket.addEventListener("close", () => {
      for (const waiting of this.waiting.values()) waiting.reject(new Error("the browser ended the connection"));
      this.waiting.clear();
    });
  }

  /** Rejects when the browser does not take the connection. */
  static connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new DevTools(socket)));
      socket.addEventListener("error", () => reject(new Error(`cannot connect to the browser at ${url}`)));
    });
  }

  /** Sends a command, to the page of a session if one is given. Rejects when it is refused, or not answered in time. */
  async ask(method: string, params: Answer, sessionId?: unknown): Promise<Answer> {
    const id = ++this.asked;
    const answer = Promise.withResolvers<Answer>();
    this.waiting.set(id, answer);
    if (this.socket.readyState !== WebSocket.OPEN) answer.reject(new Error("the browser has ended the connection"));
    else this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    const late = setTimeout(
      () => answer.reject(new Error(`the browser did not answer ${method} within ${answerMsMax} ms`)),
      answerMsMax,
    );
    return answer.promise.finally(() => {
      clearTimeout(late);
      this.waiting.delete(id);
    });
  }

  close(): void {
    this.socket.close();
  }
}

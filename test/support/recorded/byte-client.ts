// A connection that knows no protocol: it sends bytes, and keeps what it gets until somebody takes it.

export class ByteClient {
  /** Received and not taken. */
  received = Buffer.alloc(0);
  isEnded = false;
  private socket: Bun.Socket | undefined;
  private unsent = Buffer.alloc(0);
  private changed = Promise.withResolvers<void>();

  private constructor() {}

  /** Connects to a port of 127.0.0.1. */
  static async connect(port: number): Promise<ByteClient> {
    const client = new ByteClient();
    const end = (): void => {
      client.isEnded = true;
      client.wake();
    };
    client.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => {
          client.received = Buffer.concat([client.received, chunk]);
          client.wake();
        },
        drain: () => client.send(Buffer.alloc(0)),
        close: end,
        error: end,
      },
    });
    return client;
  }

  send(bytes: Buffer): void {
    this.unsent = Buffer.concat([this.unsent, bytes]);
    const taken = this.socket?.write(this.unsent) ?? 0;
    if (taken > 0) this.unsent = this.unsent.subarray(taken);
  }

  /** Removes and returns the first `count` bytes that were received. */
  take(count: number): Buffer {
    const taken = this.received.subarray(0, count);
    this.received = this.received.subarray(count);
    return taken;
  }

  /** Resolves when more is received, or the connection ends. */
  get more(): Promise<void> {
    return this.changed.promise;
  }

  /** Ends this side in good order. */
  close(): void {
    this.socket?.end();
  }

  private wake(): void {
    const { resolve } = this.changed;
    this.changed = Promise.withResolvers<void>();
    resolve();
  }
}

// Why a request of the client failed.

/** The server refused: a status of the wire protocol and its sentence. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }

  /** True for 300 to 399: the server failed, and the same request may succeed later. */
  get mayRetry(): boolean {
    return this.status >= 300 && this.status < 400;
  }
}

/** No answer in time; whether the request was served is not known. */
export class RequestTimedOut extends Error {
  override readonly name = "RequestTimedOut";
}

/** There is no connection, or it ended before the answer came. */
export class Disconnected extends Error {
  override readonly name = "Disconnected";
}

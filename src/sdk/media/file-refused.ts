// The error of requests for files.

/** Who holds the files has refused a request; the message is for people. `status`: of HTTP, 0 if it was not asked. */
export class FileRefused extends Error {
  override readonly name = "FileRefused";
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

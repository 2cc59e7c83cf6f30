// What the API answers is loaded with the first request: before the server listens, the descriptors of all methods and
// the package of their protocol would cost each start 47 of 181 ms of processor time, and each process 5 MB of memory,
// also where nobody uses the API.

import type { OpenRequests } from "./open-requests.ts";

interface Answers {
  answer(request: Request, server: Bun.Server<unknown>): Response | Promise<Response>;
}

export class LateAnswers implements Answers {
  private readonly load: () => Promise<Answers>;
  private readonly requests: OpenRequests;
  private loaded: Answers | undefined;
  private loading: Promise<Answers> | undefined;

  /** `load` is called once. It fails by a bug alone, which nobody catches, so that it ends the process. */
  constructor(load: () => Promise<Answers>, requests: OpenRequests) {
    this.load = load;
    this.requests = requests;
  }

  /** Requests that arrive before the code is loaded wait for it, and count as open meanwhile. */
  answer(request: Request, server: Bun.Server<unknown>): Response | Promise<Response> {
    return this.loaded === undefined ? this.firstAnswer(request, server) : this.loaded.answer(request, server);
  }

  /** Resolves when nothing is being loaded. */
  async settled(): Promise<void> {
    await this.loading;
  }

  private async firstAnswer(request: Request, server: Bun.Server<unknown>): Promise<Response> {
    this.loading ??= this.begin();
    this.requests.underWay++;
    const answers = await this.loading;
    this.requests.underWay--;
    return answers.answer(request, server);
  }

  /** Never rejects: the platform would answer the requests that wait, as if one of them had failed. */
  private begin(): Promise<Answers> {
    const { promise, resolve } = Promise.withResolvers<Answers>();
    const load = async (): Promise<void> => resolve((this.loaded = await this.load()));
    void load();
    return promise;
  }
}

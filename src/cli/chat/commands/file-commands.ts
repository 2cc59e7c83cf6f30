// The commands of files: those of this machine that are sent, and those of messages that are kept here.

import { closeSync, openSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { quotedText } from "../../../base/printable.ts";
import { FileRefused, Files } from "../../../sdk/media/files.ts";
import { sentenceOf } from "../../failure.ts";
import type { ChatCommand } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";

/** The types of messages by the beginning of their files' types. */
const kinds = new Map([
  ["image", 2],
  ["audio", 3],
  ["video", 4],
]);
/** Names that are tried before a file counts as there too often. */
const namesMax = 100;

export const fileCommands: readonly ChatCommand[] = [
  {
    name: "/send",
    usage: "FILE",
    help: "send a file",
    async run(context, { words: [path = ""] }) {
      context.conversation();
      const file = Bun.file(path);
      if (!(await file.exists())) throw new CommandError(`/send: there is no file ${quotedText(path)}`);
      const name = basename(path);
      const media = await attempted(() => new Files(context.messenger).upload(file, { name }));
      await context.send({ body: name, type: kinds.get(media.type.split("/")[0] ?? "") ?? 1, media: [media] });
    },
  },
  {
    name: "/save",
    usage: "[#N] [FOLDER]",
    help: "keep a message's files; default: the last",
    async run(context, { number, words: [folder = "."] }) {
      const { message } = context.message(number, (shown) => shown.message.media.length > 0);
      if (message.media.length === 0) throw new CommandError(`/save: #${number} has no file`);
      const files = new Files(context.messenger);
      for (const file of message.media) {
        const content = await attempted(async () => (await files.download(message.id, file)).bytes());
        await context.screen.print(`* kept ${quotedText(keep(folder, file.name, content))}`);
      }
    },
  },
];

/** Runs a request to where files are; what fails there is told to the person who typed. */
async function attempted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileRefused || (error instanceof TypeError && "code" in error))
      throw new CommandError(sentenceOf(error));
    throw error;
  }
}

/** Writes a file of somebody else's: under its name without a path, hidden from nobody, and over nothing. */
function keep(folder: string, name: string, content: Uint8Array): string {
  const plain = basename(name.replaceAll("\\", "/")).replace(/^\.+/, "_") || "file";
  const [, stem = plain, end = ""] = /^(.+?)(\.[^.]+)?$/.exec(plain) ?? [];
  for (let number = 1; number <= namesMax; number++) {
    const path = join(folder, number === 1 ? plain : `${stem} (${number})${end}`);
    try {
      const file = openSync(path, "wx", 0o600);
      try {
        writeFileSync(file, content);
      } finally {
        closeSync(file);
      }
      return path;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
        throw new CommandError(`/save: cannot write ${quotedText(path)}: ${sentenceOf(error)}`);
    }
  }
  throw new CommandError(`/save: the folder has ${namesMax} files called ${quotedText(plain)}`);
}

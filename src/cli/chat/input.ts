// Parses typed lines: messages, and commands that begin with a slash.

export type Input =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "to" | "use" | "join" | "quitGroup"; readonly name: string }
  | { readonly kind: "create"; readonly name: string; readonly members: readonly string[] }
  | { readonly kind: "help" | "who" | "groups" | "quit" | "nothing" }
  | { readonly kind: "invalid"; readonly sentence: string };

/** What /help prints. */
export const help = `/to ACCOUNT                        talk to somebody
/group create NAME [ACCOUNT ...]   create a group and talk in it
/group use NAME|ID                 talk in a group
/group join ID                     join a group and talk in it
/group quit NAME|ID                leave a group
/groups                            list your groups
/who                               list who receives your messages here
/quit                              leave
Put a name with blanks in double quotes. Any other line is a message; begin it with // to send a slash.`;

/** A word, or several in double quotes, in which a backslash escapes the next character. */
const wordPattern = /"((?:[^"\\]|\\.)*)"|\S+/g;

const invalid = (sentence: string): Input => ({ kind: "invalid", sentence });

/** Parses a line. */
export function parseInput(line: string): Input {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  if (text.startsWith("//")) return { kind: "message", text: text.slice(1) };
  if (!text.startsWith("/")) return { kind: "message", text };
  const [command = "", ...words] = wordsOf(text);
  switch (command) {
    case "/help":
      return { kind: "help" };
    case "/who":
      return { kind: "who" };
    case "/groups":
      return { kind: "groups" };
    case "/quit":
      return { kind: "quit" };
    case "/to":
      return words[0] === undefined ? invalid("/to: expected an account") : { kind: "to", name: words[0] };
    case "/group":
      return parseGroup(words);
    default:
      return invalid(`unknown command ${command}; /help lists the commands`);
  }
}

function parseGroup([verb = "", name, ...members]: readonly string[]): Input {
  if (!["create", "use", "join", "quit"].includes(verb)) return invalid("/group: expected create, use, join or quit");
  if (name === undefined)
    return invalid(`/group ${verb}: expected a ${verb === "create" ? "name" : "group's name or id"}`);
  switch (verb) {
    case "create":
      return { kind: "create", name, members };
    case "use":
      return { kind: "use", name };
    case "join":
      return { kind: "join", name };
    default:
      return { kind: "quitGroup", name };
  }
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(wordPattern)].map(([word, quoted]) => quoted?.replace(/\\(.)/g, "$1") ?? word);
}

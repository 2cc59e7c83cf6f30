// What a person types: a message, or a command that begins with a slash. What comes through a pipe is text, and no
// command.

export type Input =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "to" | "use" | "join" | "quitGroup"; readonly name: string }
  | { readonly kind: "create"; readonly name: string; readonly members: readonly string[] }
  | { readonly kind: "help" | "who" | "groups" | "quit" | "nothing" }
  | { readonly kind: "wrong"; readonly sentence: string };

/** What /help prints. */
export const help = `/to ACCOUNT                        talk to somebody
/group create NAME [ACCOUNT ...]   create a group and talk in it
/group use NAME|ID                 talk in a group
/group join ID                     join a group and talk in it
/group quit NAME|ID                leave a group
/groups                            your groups
/who                               who is listening here
/quit                              leave
A name with blanks in it stands in double quotes. Everything else is a message; // at the beginning sends a slash.`;

/** A word, or several in double quotes, in which a backslash takes the next character as it is. */
const wordPattern = /"((?:[^"\\]|\\.)*)"|\S+/g;

const wrong = (sentence: string): Input => ({ kind: "wrong", sentence });

/** Reads a line that may be a command. */
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
      return words[0] === undefined ? wrong("/to needs an account") : { kind: "to", name: words[0] };
    case "/group":
      return parseGroup(words);
    default:
      return wrong(`there is no command ${command}; /help lists them`);
  }
}

function parseGroup([verb = "", name, ...members]: readonly string[]): Input {
  if (!["create", "use", "join", "quit"].includes(verb)) return wrong("/group takes create, use, join or quit");
  if (name === undefined) return wrong(`/group ${verb} needs a ${verb === "create" ? "name" : "group's name or id"}`);
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

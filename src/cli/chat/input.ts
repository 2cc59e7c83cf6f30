// What a person types: a message, or a command that begins with a slash.

export type Input =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "to" | "use" | "join" | "quitGroup"; readonly name: string }
  | { readonly kind: "create"; readonly name: string; readonly members: readonly string[] }
  | { readonly kind: "help" | "who" | "quit" | "nothing" }
  | { readonly kind: "wrong"; readonly sentence: string };

/** What /help prints. */
export const help = `/to ACCOUNT                        talk to somebody
/group create NAME [ACCOUNT ...]   create a group and talk in it
/group use ID                      talk in a group
/group join ID                     join a group and talk in it
/group quit ID                     leave a group
/who                               who is listening here
/quit                              leave
Everything else is a message; // at the beginning sends a slash.`;

const wrong = (sentence: string): Input => ({ kind: "wrong", sentence });

/** Reads one line. */
export function parseInput(line: string): Input {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  if (text.startsWith("//")) return { kind: "message", text: text.slice(1) };
  if (!text.startsWith("/")) return { kind: "message", text };
  const [command = "", ...words] = text.split(/\s+/);
  switch (command) {
    case "/help":
      return { kind: "help" };
    case "/who":
      return { kind: "who" };
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
  if (name === undefined) return wrong(`/group ${verb} needs a ${verb === "create" ? "name" : "group's id"}`);
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

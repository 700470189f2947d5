import { inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** What the global set-up lends to every test file of one run. */
    run: {
      /** Answers `GET /tool` with the folder of the built tool and `GET /postgres/<major>` with a server's address. */
      address: string;
      /** A folder for whatever tests write; removed when the run ends, however it ends. */
      folder: string;
    };
  }
}

const answers = new Map<string, Promise<string>>();

/** Asks the run for something it makes once, at the first request, for all test files. */
export function askRun(path: string): Promise<string> {
  const known = answers.get(path);
  if (known) return known;
  const answer = fetch(`${inject("run").address}${path}`).then(async (response) => {
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  });
  answers.set(path, answer);
  return answer;
}

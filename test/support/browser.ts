import { createRequire } from "node:module";
import { join } from "node:path";
import { inject } from "vitest";
import { CHECKOUT } from "./workspace.ts";

/** What of a page the tests use; the package's own types are installed with the browser, apart from the project's. */
export interface Page {
  goto(url: string): Promise<unknown>;
  getByText(
    text: string,
    options?: { exact?: boolean },
  ): { first(): { waitFor(options?: { timeout: number }): Promise<void> } };
  locator(selector: string): { allInnerTexts(): Promise<string[]> };
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** Opens a page in a real, headless browser that npm installs whole; elsewhere than on Linux x64 in the Chrome that is there. */
export async function withPage<T>(work: (page: Page) => Promise<T>): Promise<T> {
  const require = createRequire(join(CHECKOUT, "test/browser/package.json"));
  const { chromium } = require("playwright-core") as {
    chromium: { launch(options: object): Promise<Browser> };
  };
  const browser = await chromium.launch({ headless: true, ...(await findBrowser(require)) });
  try {
    return await work(await browser.newPage());
  } finally {
    await browser.close();
  }
}

async function findBrowser(require: NodeJS.Require): Promise<object> {
  if (process.platform !== "linux" || process.arch !== "x64") return { channel: "chrome" };
  // Makes the package unpack the libraries that a bare machine lacks.
  process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs20.x";
  // Where it unpacks to, and would otherwise take what another user has unpacked and may not be run.
  process.env.TMPDIR = inject("run").folder;
  const { default: packed } = (await import(require.resolve("@sparticuz/chromium"))) as {
    default: { executablePath(): Promise<string>; args: string[] };
  };
  const executablePath = await packed.executablePath();
  // A page on loopback needs nothing of what a browser asks the network for by itself.
  const quiet = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
  ];
  return { executablePath, args: [...packed.args, ...quiet] };
}

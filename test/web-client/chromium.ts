import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The path of an installed Chromium in the directories of `searchPath` (the form of PATH), if there is one. */
export function findChromium(searchPath: string): string | undefined {
  return NAMES.flatMap((name) => searchPath.split(delimiter).map((directory) => join(directory, name))).find(
    isProgram,
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a browser without a window that can reach nothing but 127.0.0.1. */
export async function launchChromium(program: string): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    // Its sandbox refuses to run for root, as which containers run.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--disable-dev-shm-usage'],
  });
}

import type { Page } from 'playwright-core';

/** Someone with a browser of their own. */
export interface Person {
  readonly page: Page;
  readonly username: string;
  readonly password: string;
}

export interface Scene {
  readonly clientUrl: string;
  readonly homeserverUrl: string;
  readonly serverName: string;
  readonly alice: Person;
  readonly bob: Person;
  /** Another browser of Alice's. */
  readonly phone: Person;
  readonly picture: { readonly bytes: Buffer; readonly widthPx: number };
}

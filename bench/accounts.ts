import { textAt, type BenchClient } from './client.ts';
import { numbers, together } from './measure.ts';

/** Somebody with a session on the server under test. */
export interface Account {
  readonly token: string;
  readonly userId: string;
}

const PASSWORD = 'a password for measuring';
const AT_ONCE = 8;

/** The accounts that a run makes. Passwords cost time, so those that need not be alone are shared. */
export class Accounts {
  readonly #client: BenchClient;
  readonly #runId: string;
  readonly #shared: Account[] = [];
  #names = 0;

  /** `runId` keeps the names of one run apart from those of others: lower-case letters and digits. */
  constructor(client: BenchClient, runId: string) {
    this.#client = client;
    this.#runId = runId;
  }

  /** A new one that is nobody else's. */
  async make(): Promise<Account> {
    this.#names += 1;
    const body = await this.#client.call('POST', '/_matrix/client/v3/register', undefined, {
      username: `bench-${this.#runId}-${this.#names}`,
      password: PASSWORD,
      auth: { type: 'm.login.dummy' },
    });
    return { token: textAt(body, 'access_token'), userId: textAt(body, 'user_id') };
  }

  /** A new one for those that are shared. */
  async add(): Promise<void> {
    this.#shared.push(await this.make());
  }

  /** The same `count` shared ones each time, one at least, in whatever rooms they are. */
  async some(count: number): Promise<readonly [Account, ...Account[]]> {
    await together(numbers(count - this.#shared.length), AT_ONCE, () => this.add());
    const [first, ...others] = this.#shared.slice(0, count);
    if (first === undefined) throw new Error('nobody is there');
    return [first, ...others];
  }
}

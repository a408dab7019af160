import { createHmac, randomBytes } from 'node:crypto';
import { isJsonArray, isJsonObject } from '../../src/util/json.ts';
import type { Answer, Peer } from './peer.ts';
import { need, NotApplicable } from './verdict.ts';

export interface Account {
  readonly userId: string;
  readonly token: string;
  /** Absent when the account was not made by this run. */
  readonly password?: string;
}

/** Where accounts come from. */
export type AccountSource =
  | { readonly kind: 'registration' }
  | { readonly kind: 'shared-secret'; readonly secret: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly [string, string] };

/** There are no accounts to test with. */
export class NoAccounts extends Error {}

const C = '/_matrix/client/v3';

/** Makes accounts and devices. Accounts that come as tokens are two, and make no more. */
export class Accounts {
  readonly #peer: Peer;
  readonly #source: AccountSource;

  constructor(peer: Peer, source: AccountSource) {
    this.#peer = peer;
    this.#source = source;
  }

  /** The two that every scenario may use. Throws `NoAccounts`. */
  async principals(): Promise<readonly [Account, Account]> {
    const source = this.#source;
    if (source.kind === 'tokens')
      return Promise.all([this.#whoAmI(source.tokens[0]), this.#whoAmI(source.tokens[1])]);
    try {
      return [await this.make('owner'), await this.make('other')];
    } catch (error) {
      throw error instanceof NotApplicable ? new NoAccounts(error.message) : error;
    }
  }

  /** An account of its own for a scenario that ends it or changes it. */
  async make(role: string): Promise<Account> {
    const source = this.#source;
    if (source.kind === 'tokens')
      throw new NotApplicable('it needs an account of its own, and there are two ready ones only');
    const username = `conformance-${role}-${randomBytes(6).toString('hex')}`;
    const password = randomBytes(18).toString('base64url');
    const answer =
      source.kind === 'registration'
        ? await this.#register(username, password)
        : await this.#registerBySecret(source.secret, username, password);
    return { ...readSession(answer), password };
  }

  async makeGuest(): Promise<Account> {
    const answer = await this.#peer.ask('POST', `${C}/register?kind=guest`, { body: {} });
    if (answer.status !== 200) throw new NotApplicable('the peer registers no guests');
    return readSession(answer);
  }

  /** Another device of an account. */
  async login(account: Account): Promise<Account> {
    const { userId, password } = account;
    if (password === undefined) throw new NotApplicable('it needs to log in, and has access tokens only');
    const body = { type: 'm.login.password', identifier: { type: 'm.id.user', user: userId }, password };
    const answer = await this.#peer.ask('POST', `${C}/login`, { body });
    return { ...readSession(need(answer, 'logging in')), password };
  }

  /** Ends an account for good, by its password. */
  async deactivate(account: Account): Promise<void> {
    const { userId, password, token } = account;
    if (password === undefined) throw new NotApplicable('it needs the password of an account');
    const path = `${C}/account/deactivate`;
    const first = await this.#peer.ask('POST', path, { token, body: {} });
    if (first.status === 200) return;
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: userId },
      password,
      session: first.body['session'],
    };
    need(await this.#peer.ask('POST', path, { token, body: { auth } }), 'deactivating an account');
  }

  async #whoAmI(token: string): Promise<Account> {
    const answer = await this.#peer.ask('GET', `${C}/account/whoami`, { token });
    const userId = answer.body['user_id'];
    if (answer.status === 200 && typeof userId === 'string') return { userId, token };
    throw new NoAccounts(
      `an access token is not accepted: ${answer.status} ${JSON.stringify(answer.body['errcode'])}`,
    );
  }

  async #register(username: string, password: string): Promise<Answer> {
    const path = `${C}/register`;
    const body = { username, password };
    const first = await this.#peer.ask('POST', path, {
      body: { ...body, auth: { type: 'm.login.dummy' } },
    });
    if (first.status !== 401 || !offersDummy(first)) return need(first, 'registering an account');
    const auth = { type: 'm.login.dummy', session: first.body['session'] };
    return need(await this.#peer.ask('POST', path, { body: { ...body, auth } }), 'registering an account');
  }

  /** As Synapse lets whoever shares a secret with it. */
  async #registerBySecret(secret: string, username: string, password: string): Promise<Answer> {
    const path = '/_synapse/admin/v1/register';
    const nonce = need(await this.#peer.ask('GET', path), 'asking for a nonce').body['nonce'];
    if (typeof nonce !== 'string') throw new NotApplicable('the peer gave no nonce to register with');
    const parts = [nonce, username, password, 'notadmin'];
    const mac = createHmac('sha1', secret).update(parts.join('\0')).digest('hex');
    const body = { nonce, username, password, admin: false, mac };
    return need(await this.#peer.ask('POST', path, { body }), 'registering an account by the secret');
  }
}

function offersDummy(answer: Answer): boolean {
  const flows = answer.body['flows'];
  return (
    isJsonArray(flows) &&
    flows.some((flow) => {
      const stages = isJsonObject(flow) ? flow['stages'] : undefined;
      return isJsonArray(stages) && stages.every((stage) => stage === 'm.login.dummy');
    })
  );
}

function readSession(answer: Answer): Account {
  const { user_id: userId, access_token: token } = answer.body;
  if (typeof userId === 'string' && typeof token === 'string') return { userId, token };
  throw new NotApplicable(`${answer.method} ${answer.path} gave no access token`);
}

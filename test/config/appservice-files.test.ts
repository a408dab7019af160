import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config/config.ts';
import { coversUser } from '../../src/matrix/appservices.ts';
import { parseUserId } from '../../src/matrix/identifiers.ts';

const IRC = `
id: irc
url: http://127.0.0.1:9999/
as_token: from irc
hs_token: to irc
sender_localpart: irc_bot
namespaces:
  users:
    - regex: '@irc_.*'
      exclusive: true
rate_limited: false
protocols: [irc]
de.sorunome.msc2409.push_ephemeral: true
`;

const SLACK = `
id: slack
url: null
as_token: from slack
hs_token: to slack
sender_localpart: slack_bot
namespaces: { users: [], rooms: [], aliases: [] }
`;

function load(files: Readonly<Record<string, string>>, appservices: string, yaml?: string) {
  return loadConfig({
    env: yaml === undefined ? { MORROW_APPSERVICES: appservices } : { MORROW_CONFIG: 'morrow.yaml' },
    readFile: (path) => {
      if (path === 'morrow.yaml' && yaml !== undefined) return yaml;
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
      return text;
    },
    listDirectory: (path) => {
      const names = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
      return names.length === 0 ? undefined : names.map((name) => name.slice(path.length + 1));
    },
  });
}

function appservicesOf(...args: Parameters<typeof load>) {
  const loaded = load(...args);
  assert.ok(loaded.kind === 'config', JSON.stringify(loaded));
  return loaded.config.appservices;
}

function complaintsOf(...args: Parameters<typeof load>): readonly string[] {
  const loaded = load(...args);
  assert.ok(loaded.kind === 'complaints');
  return loaded.complaints;
}

describe('registration files of application services', () => {
  it('are read with all that they say', () => {
    const [irc, slack] = appservicesOf({ 'irc.yaml': IRC, 'slack.yaml': SLACK }, 'irc.yaml, slack.yaml');
    assert.ok(irc !== undefined);
    const { namespaces, ...rest } = irc;
    assert.deepEqual(rest, {
      id: 'irc',
      url: 'http://127.0.0.1:9999',
      asToken: 'from irc',
      hsToken: 'to irc',
      sender: '@irc_bot:localhost',
      rateLimited: false,
      protocols: ['irc'],
      receivesEphemeral: true,
    });
    assert.equal(namespaces.users[0]?.exclusive, true);
    assert.equal(slack?.url, undefined);
    assert.equal(slack?.rateLimited, true);
    assert.equal(slack?.receivesEphemeral, false);
  });

  it('are all those in a directory, or a list in YAML', () => {
    const files = { 'as/slack.yaml': SLACK, 'as/irc.yml': IRC, 'as/README.md': 'no registration' };
    assert.deepEqual(
      appservicesOf(files, 'as').map(({ id }) => id),
      ['irc', 'slack'],
    );
    assert.deepEqual(
      appservicesOf(files, '', 'appservices:\n  - as/slack.yaml\n  - as/irc.yml\n').map(({ id }) => id),
      ['slack', 'irc'],
    );
  });

  it('say which users are theirs: from the beginning of their ids on, and of this server only', () => {
    const [irc] = appservicesOf({ 'irc.yaml': IRC }, 'irc.yaml');
    assert.ok(irc !== undefined);
    const covers = (text: string): boolean => {
      const userId = parseUserId(text);
      return userId !== undefined && coversUser(irc, userId);
    };
    assert.ok(covers('@irc_alice:localhost'));
    assert.ok(covers('@irc_bot:localhost'));
    assert.ok(!covers('@alice:localhost'));
    assert.ok(!covers('@not@irc_alice:localhost'));
    assert.ok(!covers('@irc_alice:elsewhere.example'));
  });

  it('are refused with everything that is wrong with them', () => {
    const bad = `
id: ''
url: ftp://example.org
as_token: 5
sender_localpart: UPPER CASE
namespaces:
  users: [{ regex: '@(', exclusive: true }, { regex: '@x' }]
rate_limited: maybe
`;
    assert.deepEqual(complaintsOf({ 'bad.yaml': bad }, 'bad.yaml,absent.yaml'), [
      'bad.yaml: id: must not be empty.',
      'bad.yaml: url: "ftp://example.org" must be an http:// or https:// URL.',
      'bad.yaml: as_token: expected string, received number.',
      'bad.yaml: hs_token: expected string, received undefined.',
      'bad.yaml: sender_localpart: "UPPER CASE" is no localpart of a user.',
      'bad.yaml: namespaces.users.0: "@(" is no regular expression.',
      'bad.yaml: namespaces.users.1.exclusive: expected boolean, received undefined.',
      'bad.yaml: rate_limited: expected boolean, received string.',
      `appservices: cannot read "absent.yaml": ENOENT: no such file, open 'absent.yaml'`,
    ]);
  });

  it('are refused when two could be taken for each other', () => {
    assert.deepEqual(complaintsOf({ 'a.yaml': IRC, 'b.yaml': IRC }, 'a.yaml,b.yaml'), [
      'b.yaml: id: is the same as in a.yaml; each must be unique.',
      'b.yaml: as_token: is the same as in a.yaml; each must be unique.',
      'b.yaml: sender_localpart: is the same as in a.yaml; each must be unique.',
    ]);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLiveTestServer, type LiveTestServer } from '../support/server.ts';
import { BROKEN_SERVERS } from './broken-servers.ts';
import { parseOptions } from './options.ts';
import type { Result } from './run.ts';
import { SCENARIOS } from './scenarios.ts';
import { listNotSeen } from './not-seen.ts';
import { GENERATIONS } from './scenario.ts';
import { startTamperingProxy } from './tampering-proxy.ts';

const LAST_SCENARIO = 87;

describe('the conformance tests of futures', () => {
  let server: LiveTestServer;
  let directory: string;
  before(async () => {
    server = await startLiveTestServer();
    directory = await mkdtemp(join(tmpdir(), 'morrow-conformance-'));
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  it('find nothing wrong with this server', async function () {
    this.timeout(180_000);
    const run = await runAgainst(server.baseUrl, join(directory, 'all.json'));
    const failures = run.results.filter(({ verdict }) => verdict === 'fail');
    assert.deepEqual(failures, []);
    assert.equal(run.status, 0, run.output);
    const passed = run.results.filter(({ verdict }) => verdict === 'pass');
    // A busy machine is too slow to tell here and there.
    assert.ok(passed.length > SCENARIOS.length * 0.9, run.output);
  });

  for (const { what, tampering, only } of BROKEN_SERVERS)
    it(`see it when a server ${what}`, async function () {
      this.timeout(60_000);
      await using proxy = await startTamperingProxy(server.baseUrl, tampering());
      const run = await runAgainst(proxy.url, join(directory, 'broken.json'), ['--only', only]);
      const verdicts = run.results.map(({ verdict }) => verdict);
      assert.ok(verdicts.includes('fail'), run.output);
      assert.ok(!verdicts.includes('pass'), run.output);
      assert.equal(run.status, 1);
    });

  it('test nothing where nobody answers, and for wrong options', async () => {
    const nobody = await runAgainst('http://127.0.0.1:1', join(directory, 'none.json'));
    assert.equal(nobody.status, 2, nobody.output);
    const none = {};
    for (const args of [
      [],
      ['--base', 'nowhere'],
      ['--base', 'ftp://127.0.0.1'],
      ['--base', 'http://127.0.0.1', '--generation', 'first'],
      ['--base', 'http://127.0.0.1', '--only', '('],
      ['--base', 'http://127.0.0.1', '--unknown'],
    ])
      assert.equal(parseOptions(args, none).kind, 'wrong', args.join(' '));
    const one = { CONFORMANCE_TOKEN: 'a token' };
    assert.equal(parseOptions(['--base', 'http://127.0.0.1'], one).kind, 'wrong');
    const both = { ...one, CONFORMANCE_OTHER_TOKEN: 'another' };
    assert.equal(parseOptions(['--base', 'http://127.0.0.1'], both).kind, 'options');
  });

  it('are listed in their README with the generations in which they are played', async () => {
    const readme = await readFile(join(import.meta.dirname, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| +(\d+) +\|.*\|(.*)\|(.*)\|(.*)\|(.*)\|$/gm)];
    const listed = new Map(
      rows.map(([, number, ...marks]) => [
        Number(number),
        GENERATIONS.filter((_, index) => marks[index]?.trim() === '×'),
      ]),
    );
    for (const { number } of listNotSeen()) assert.match(readme, new RegExp(`^- \\*\\*${number}\\*\\*`, 'm'));
    const notSeen = new Set(listNotSeen().map(({ number }) => number));
    for (let number = 1; number <= LAST_SCENARIO; number += 1) {
      const played = SCENARIOS.filter((scenario) => scenario.number === number);
      assert.equal(played.length === 0, notSeen.has(number), `scenario ${number} is played or cannot be`);
      const generations = new Set(played.map(({ generation }) => generation));
      const expected = GENERATIONS.filter((generation) => generations.has(generation));
      assert.deepEqual(listed.get(number) ?? [], expected, `scenario ${number}`);
    }
  });
});

interface Run {
  readonly status: number | null;
  readonly output: string;
  readonly results: readonly Pick<Result, 'verdict' | 'name'>[];
}

/** Runs them as a person would, and reads what they have written. */
async function runAgainst(base: string, json: string, more: readonly string[] = []): Promise<Run> {
  const args = [
    '--import=tsx',
    join(import.meta.dirname, 'main.ts'),
    '--base',
    base,
    '--json',
    json,
    ...more,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const written = await readFile(json, 'utf8').catch(() => '{"results":[]}');
  const { results } = JSON.parse(written) as Pick<Run, 'results'>;
  return { status, output, results };
}

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { catalogue } from '../../bench/catalogue.ts';
import { compareReports, readReport } from '../../bench/compare.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** So little of everything that it takes seconds: the figures say nothing. */
const TINY = ['--scale', '0.002', '--rounds', '1', '--seconds', '0.05'];

describe('the bench', function () {
  this.timeout(240_000);
  let directory: string;
  let json: string;
  let output: string;
  let exitCode: unknown;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'morrow-test-bench-'));
    json = join(directory, 'figures.json');
    const words = ['--spawn', '--program', 'src/main.ts', ...TINY, '--json', json];
    const child = spawn(process.execPath, ['--import=tsx', 'bench/main.ts', ...words], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: directory, MORROW_PASSWORD_COST: 'low' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    output = await text(child.stdout);
    exitCode = child.exitCode ?? (await once(child, 'exit'))[0];
  });

  after(() => rm(directory, { recursive: true, force: true }));

  it('has a figure for everything that it measures', async () => {
    const { results } = await readReport(json);
    const figures = new Map(results.map(({ name, figure }) => [name, figure]));
    const without = catalogue.filter(({ name }) => !Number.isFinite(figures.get(name)));
    assert.deepEqual(
      without.map(({ name }) => name),
      [],
      output,
    );
    assert.equal(figures.size, catalogue.length, 'each has a name of its own');
    assert.equal(exitCode, 0);
  });

  it('prints a line for each, with the aim', () => {
    for (const { name, aim } of catalogue) {
      const line = output.split('\n').find((one) => one.startsWith(`${name} `));
      assert.ok(line !== undefined, name);
      if (aim !== undefined) assert.match(line, / [≥≤] [\d.]+ /);
    }
  });

  it('knows what processor time server, database and load took', async () => {
    const figures = await readFile(json, 'utf8');
    assert.match(figures, /"cpuMs": \{\s*"server": [\d.]+,\s*"database": [\d.]+,\s*"load": [\d.]+/);
  });

  it('finds nothing in the overdue delayed events that is lost, doubled or out of order', () => {
    assert.match(output, /were overdue \d+\.?\d*; missing 0; sent twice 0; out of order 0;/);
  });

  it('compares two files', async () => {
    const report = await readReport(json);
    const lines = compareReports(report, report).split('\n');
    assert.equal(lines.length, 1 + catalogue.length);
    for (const line of lines.slice(1)) assert.match(line, /× (?:1\.00|NaN)$/);
  });

  it('leaves no server and no data behind', async () => {
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith('morrow-bench-')),
      [],
    );
  });
});

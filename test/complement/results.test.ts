import assert from 'node:assert/strict';
import { parseGoTestEvents } from '../../complement/go-test-events.ts';
import { resultsDocument, resultsTable } from '../../complement/markdown.ts';
import { compareResults } from '../../complement/regressions.ts';
import { gatherResults, type PackageResults } from '../../complement/results.ts';
import { trimEvents } from '../../complement/trim.ts';

const MODULE = 'github.com/matrix-org/complement';

/** Lines as `go test -json` writes them: `run TestA`, `pass TestA`, `output TestA text`, `fail` for the package. */
function linesOf(packagePath: string, ...events: readonly string[]): string {
  return events
    .map((event) => {
      const [action = '', test, ...text] = event.split(' ');
      const line = {
        Action: action,
        Package: `${MODULE}/${packagePath}`,
        ...(test === undefined ? {} : { Test: test }),
        ...(action === 'run' || action === 'output' ? {} : { Elapsed: 2 }),
        ...(action === 'output' ? { Output: `${text.join(' ')}\n` } : {}),
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join('');
}

function gather(packagePath: string, ...events: readonly string[]): readonly PackageResults[] {
  return gatherResults(parseGoTestEvents(linesOf(packagePath, ...events)));
}

const run = (name: string, result: string): readonly string[] => [`run ${name}`, `${result} ${name}`];

describe('the results of a run of go test', () => {
  it('are gathered by package, whatever else stands between the lines', () => {
    const text = `go: downloading x\n${linesOf('tests/csapi', ...run('TestA', 'pass'), 'pass')}{"no": "event"}\n`;
    const more = linesOf('tests', ...run('TestA', 'skip'), 'pass');
    assert.deepEqual(gatherResults(parseGoTestEvents(text + more)), [
      { name: 'csapi', seconds: 2, tests: [{ package: 'csapi', test: 'TestA', result: 'pass' }] },
      { name: 'tests', seconds: 2, tests: [{ package: 'tests', test: 'TestA', result: 'skip' }] },
    ]);
  });

  it('take a test that never ended for failed', () => {
    const tests = gather('tests/csapi', 'run TestA', ...run('TestA/b', 'pass'))[0]?.tests;
    assert.deepEqual(
      tests?.map(({ result }) => result),
      ['fail', 'pass'],
    );
  });

  it('become a table with tests and subtests apart, and a sum', () => {
    const results = [
      ...gather('tests/csapi', ...run('TestA', 'fail'), ...run('TestA/b', 'pass'), ...run('TestA/c', 'fail')),
      ...gather('tests/msc1', ...run('TestD', 'skip'), 'pass'),
    ];
    assert.deepEqual(resultsTable(results).split('\n').slice(2), [
      '| csapi | 0 | 1 | 0 | 1 | 1 | 0 | 0 |',
      '| msc1 | 0 | 0 | 1 | 0 | 0 | 0 | 2 |',
      '| **all** | 0 | 1 | 1 | 1 | 1 | 0 | 2 |',
    ]);
  });

  it('become a document that names what failed, as deep as it goes', () => {
    const results = gather(
      'tests/csapi',
      ...run('TestA', 'fail'),
      ...run('TestA/b', 'fail'),
      ...run('TestA/b/c', 'fail'),
      ...run('TestD', 'pass'),
    );
    const facts = { date: '2026-01-02', morrow: 'abc', complement: 'def' };
    const text = resultsDocument(results, new Map([['csapi', facts]]));
    assert.ok(text.includes('- 2026-01-02, Morrow at `abc`, Complement at `def`: csapi\n'), text);
    assert.ok(text.endsWith('## Failed in csapi\n\n- TestA\n  - b/c\n'), text);
  });

  it('become a document that says why, and what was skipped', () => {
    const results = gather(
      'tests/csapi',
      ...run('TestA', 'fail'),
      ...run('TestA/b', 'fail'),
      ...run('TestA/c', 'skip'),
      ...run('TestD', 'skip'),
      ...run('TestE', 'pass'),
    );
    const reasons = {
      csapi: { TestA: 'takes two servers', 'TestA/c': 'by its own choice', TestE: 'not any more' },
      tests: { TestD: 'another one' },
    };
    const lists = ['## Failed in csapi\n\n- TestA: takes two servers\n  - b', '## Skipped in csapi\n\n'];
    const skipped = '- TestA: takes two servers\n  - c: by its own choice\n- TestD\n';
    assert.ok(resultsDocument(results, new Map(), reasons).endsWith(`${lists.join('\n\n')}${skipped}`));
  });

  it('are kept without the output of tests that passed, and of those that failed with their verdict', () => {
    const events = parseGoTestEvents(
      linesOf(
        'tests/csapi',
        'start',
        'run TestA',
        'output TestA === RUN TestA',
        'output TestA     a_test.go:7: wanted 200, got 404',
        'output TestA     client.go:1: [CSAPI] GET hs1/ => 404',
        'fail TestA',
        'run TestB',
        'output TestB     b_test.go:7: as it should be',
        'pass TestB',
        'fail',
      ),
    );
    const kept = trimEvents(events);
    assert.deepEqual(
      parseGoTestEvents(kept.join('\n')).map((event) => [event.action, event.test, event.output?.trim()]),
      [
        ['start', undefined, undefined],
        ['run', 'TestA', undefined],
        ['output', 'TestA', 'a_test.go:7: wanted 200, got 404'],
        ['fail', 'TestA', undefined],
        ['run', 'TestB', undefined],
        ['pass', 'TestB', undefined],
        ['fail', undefined, undefined],
      ],
    );
    assert.deepEqual(gatherResults(parseGoTestEvents(kept.join('\n'))), gatherResults(events));
  });
});

describe('a run that is compared with a recorded one', () => {
  const recorded = gather(
    'tests/csapi',
    ...run('TestA', 'pass'),
    ...run('TestA/b', 'pass'),
    ...run('TestC', 'fail'),
    ...run('TestD', 'skip'),
  );
  const regressions = (...events: readonly string[]): readonly string[] =>
    compareResults(recorded, gather('tests/csapi', ...events)).regressions.map(
      ({ test, after }) => `${test} ${after}`,
    );

  it('has not regressed when the same tests pass', () => {
    assert.deepEqual(
      regressions(...run('TestA', 'pass'), ...run('TestA/b', 'pass'), ...run('TestC', 'fail')),
      [],
    );
  });

  it('has regressed when a test fails, is skipped or never ends that passed', () => {
    assert.deepEqual(regressions(...run('TestA', 'fail'), ...run('TestA/b', 'fail')), [
      'TestA fail',
      'TestA/b fail',
    ]);
    assert.deepEqual(regressions(...run('TestA', 'skip')), ['TestA skip', 'TestA/b gone']);
    assert.deepEqual(regressions('run TestA', ...run('TestA/b', 'pass')), ['TestA fail']);
  });

  it('is not judged by what it did not touch', () => {
    assert.deepEqual(regressions(...run('TestC', 'fail')), []);
    assert.deepEqual(regressions(...run('TestA', 'pass')), []);
    assert.deepEqual(compareResults(recorded, gather('tests', ...run('TestA', 'fail'))).regressions, []);
  });

  it('gains what did not pass before', () => {
    const { gains } = compareResults(
      recorded,
      gather('tests/csapi', ...run('TestC', 'pass'), ...run('TestD', 'pass')),
    );
    assert.deepEqual(
      gains.map(({ test, before }) => `${test} ${before}`),
      ['TestC fail', 'TestD skip'],
    );
  });
});

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { configurationTable } from '../src/config/manual.ts';

const ROOT = new URL('../', import.meta.url);
const readme = readFileSync(new URL('README.md', ROOT), 'utf8');
const manifest = z
  .object({ scripts: z.record(z.string(), z.string()), version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')));

describe('the README', () => {
  it('holds the table of settings as the code has it', () => {
    const hint = 'the settings have changed: npx tsx scripts/renew-docs.ts';
    assert.ok(readme.includes(`\n${configurationTable()}\n`), hint);
  });

  it('links to files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '');
    assert.ok(links.length > 0);
    assert.deepEqual(
      links.filter((link) => !existsSync(new URL(link, ROOT))),
      [],
    );
  });

  it('and CONTRIBUTING.md name only scripts that package.json has', () => {
    const text = readme + readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8');
    const named = [...text.matchAll(/\bnpm run (?:-s )?([a-z:]+)/g)].map((match) => match[1] ?? '');
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((name) => manifest.scripts[name] === undefined),
      [],
    );
  });
});

describe('the change log', () => {
  it('says something about the version of the package, or about what is not released', () => {
    const text = readFileSync(new URL('CHANGELOG.md', ROOT), 'utf8');
    assert.match(text, new RegExp(`^## (?:Unreleased|${manifest.version.replaceAll('.', '\\.')})`, 'm'));
  });
});

import assert from 'node:assert/strict';
import { configurationHelp, configurationTable } from '../../src/config/manual.ts';
import { envName, SETTINGS } from '../../src/config/settings.ts';

describe('the manual of the configuration', () => {
  it('lists every setting once, with its YAML key and its default', () => {
    const [head, rule, ...rows] = configurationTable().split('\n');
    assert.equal(head, '| Variable | YAML key | Meaning | Default |');
    assert.equal(rule, '| --- | --- | --- | --- |');
    assert.equal(rows.length, SETTINGS.length + 1);
    for (const { key, fallbackText } of SETTINGS) {
      const row = rows.filter((candidate) => candidate.startsWith(`| \`${envName(key)}\` | \`${key}\` | `));
      assert.equal(row.length, 1, key);
      assert.ok(row[0]?.endsWith(`| ${fallbackText} |`), key);
    }
  });

  it('has four cells in every row', () => {
    for (const row of configurationTable().split('\n')) assert.equal(row.split('|').length, 6, row);
  });

  it('says which features do not exist yet', () => {
    assert.match(configurationTable(), /MORROW_TEST_CLOCK.*not available yet/);
  });

  it('prints the same settings for a terminal', () => {
    for (const { key } of SETTINGS) assert.ok(configurationHelp().includes(`${envName(key)}\n`), key);
  });

  it('prints defaults that parse to themselves', () => {
    for (const { key, parse, fallback, fallbackText } of SETTINGS) {
      const parsed = parse(fallbackText.replace(/ \(.*$/, ''));
      if (parsed !== undefined && fallback !== undefined) assert.deepEqual(parsed, fallback, key);
    }
  });
});

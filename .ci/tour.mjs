// Runs the README's tour against a server: node .ci/tour.mjs README.md http://127.0.0.1:8008
// Every ```sh block of the tour is one script. Comments that begin with `# →` say what the line above them prints, with
// `…` for what differs each time.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [, , readme, url] = process.argv;
const section = /^## A tour[^\n]*\n([\s\S]*?)^## /m.exec(readFileSync(readme, 'utf8'))?.[1] ?? '';
const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
const script = blocks.join('\n').replaceAll('http://127.0.0.1:8008', url);
const expected = [...script.matchAll(/^# → (.*)$/gm)].map((match) => match[1]);
if (expected.length === 0) throw new Error(`${readme} has no tour`);

const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail'], { input: script, encoding: 'utf8' });
let at = 0;
const missing = expected.filter((text) => {
  const pattern = text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const found = new RegExp(pattern.join('.*')).exec(stdout.slice(at));
  if (found !== null) at += found.index + found[0].length;
  return found === null;
});
console.log(stdout);
if (status !== 0) console.error(`The tour ended with code ${status}: ${stderr}`);
for (const text of missing) console.error(`The tour did not print, where it should: ${text}`);
process.exit(status === 0 && missing.length === 0 ? 0 : 1);

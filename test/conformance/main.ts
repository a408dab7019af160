import { writeFile } from 'node:fs/promises';
import { Accounts, NoAccounts } from './accounts.ts';
import { findAbsences, readAnnouncements } from './generations.ts';
import { listNotSeen } from './not-seen.ts';
import { Observer } from './observer.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import { Peer } from './peer.ts';
import { count, describe, describeNotApplicable, inOrder, toJson } from './report.ts';
import { playAll, selectScenarios, type Result } from './run.ts';
import { SCENARIOS } from './scenarios.ts';
import { openRoom, type Scene } from './stage.ts';
import { Failure, NotApplicable } from './verdict.ts';

const parsed = parseOptions(process.argv.slice(2), process.env);
if (parsed.kind === 'options') process.exitCode = await main(parsed.options);
else {
  console.log(parsed.kind === 'help' ? USAGE : `${parsed.why}\n\n${USAGE}`);
  process.exitCode = parsed.kind === 'help' ? 0 : 2;
}

/** The exit status of a run. */
async function main(options: Options): Promise<number> {
  const peer = new Peer(options.base);
  try {
    const startMs = Date.now();
    const results = inOrder([...(await test(peer, options)), ...listNotSeen()]);
    for (const result of results) if (result.verdict !== 'does not apply') console.log(describe(result));
    for (const line of describeNotApplicable(results)) console.log(line);
    const { passed, failed, notApplicable } = count(results);
    const seconds = ((Date.now() - startMs) / 1_000).toFixed(0);
    console.log(`${passed} passed, ${failed} failed, ${notApplicable} do not apply, in ${seconds} s`);
    if (options.json !== undefined) await writeFile(options.json, toJson(options.base.href, results));
    return failed === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof NoAccounts || error instanceof Failure || error instanceof NotApplicable))
      throw error;
    console.log(`Nothing can be tested at ${options.base.href}: ${error.message}`);
    return 2;
  } finally {
    peer.close();
  }
}

async function test(peer: Peer, options: Options): Promise<Result[]> {
  const versions = await peer.ask('GET', '/_matrix/client/versions');
  const accounts = new Accounts(peer, options.accounts);
  const [owner, other] = await accounts.principals();
  const { token } = owner;
  const capabilities = await peer.ask('GET', '/_matrix/client/v3/capabilities', { token });
  const { features, ...limits } = readAnnouncements(versions, capabilities);
  const observer = new Observer(peer, owner);
  const roomId = await openRoom(peer, owner, other);
  const scene: Scene = { peer, accounts, observer, owner, other, roomId, ...limits };
  const absent = await findAbsences(scene, features, options.generations);
  await observer.start();
  try {
    return await playAll(scene, selectScenarios(SCENARIOS, options.generations, options.only), absent);
  } finally {
    observer.stop();
  }
}

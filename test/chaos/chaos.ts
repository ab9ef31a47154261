import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { Random } from '../simulation/random.ts';
import { type Code, codes } from './code.ts';
import { backlog, drain } from './drain.ts';
import { judge } from './judge.ts';
import { Load } from './load.ts';
import type { Change } from './model.ts';
import { MortalCloud } from './mortal-cloud.ts';
import type { Upload } from './objects.ts';
import { readSinks } from './sinks.ts';
import { Storm } from './storm.ts';

const usage = `npm run test:chaos -- [--minutes N] [--seed N] [--keep]

Puts, overwrites, deletes and removes objects in the running local cloud, while functions, MySQL and the local cloud itself are
killed (kill -9) at random, clocks step, calls fail, events come twice, late and in another order, and other code is deployed.
Then waits until all is quiet, and holds what every sink holds against what was done.
  --minutes N  of load (1)
  --seed N     of what is done and goes wrong (random); what runs beside it is up to the machine
  --keep       leaves the state in its directory`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1e6)) },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function run(minutes: number, seed: number): Promise<boolean> {
  const cloud = new MortalCloud();
  let findings: readonly string[] = ['it did not come to its end'];
  try {
    await cloud.start();
    console.log(`Seed ${seed}, for ${minutes} minutes, in ${cloud.directory}`);
    const until = Date.now() + minutes * 60_000;
    let waiting = 0;
    const load = new Load(cloud.target, cloud.endpoint, seed, () => waiting);
    const storm = new Storm(cloud, new Random(seed + 1_000_000), until);
    const watch = every(1000, until, async () => {
      waiting = await backlog(cloud.target).catch(() => waiting);
    });
    await Promise.all([load.run(until), storm.rage(), watch]);
    findings = await examine(cloud, load.history);
    console.log(`${summary(load.history)}; ${cloud.summary}; ${storm.summary}.`);
  } finally {
    await cloud.close(values.keep || findings.length > 0);
  }
  for (const finding of findings) console.log(`  ${finding}`);
  console.log(findings.length === 0 ? 'All is as it must be.' : `State and log are kept: ${cloud.directory}`);
  return findings.length === 0;
}

/** Once under whichever code made each row, and once when the new code has done all of it anew. */
async function examine(cloud: MortalCloud, history: readonly Change[]): Promise<string[]> {
  const { target } = cloud;
  let { redriven } = await drain(target);
  const findings = await sweepUp(cloud, history);
  redriven += (await drain(target)).redriven;
  findings.push(...(await inspect(cloud, history, codes)));
  const keys = [...new Set(history.map(({ key }) => key))];
  const replay = await cloud.sluice('replay', '--force', '--wait', ...keys);
  if (!replay.ok) findings.push(`replay: ${replay.text}`);
  redriven += (await drain(target)).redriven;
  const after = await inspect(cloud, history, ['new']);
  console.log(`${redriven} messages redriven.`);
  return [...findings, ...after.map((finding) => `After the replay: ${finding}`)];
}

const swept = z.object({ key: z.string(), amiss: z.string() });

/** What came back since something was removed for good, no event tells; all else, some event did. */
async function sweepUp(cloud: MortalCloud, history: readonly Change[]): Promise<string[]> {
  const { ok, stdout, text } = await cloud.sluice('sweep', '--older-than', '1s', '--enqueue', '--json');
  if (!ok) return [`sweep: ${text}`];
  const removed = new Set(history.filter(({ what }) => what === 'removed').map(({ key }) => key));
  // The last line has the sums.
  const lines = stdout.trim().split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    const { key, amiss } = swept.parse(JSON.parse(line));
    const isExpected = removed.has(key) && (amiss === 'missed' || amiss === 'not_retracted');
    return isExpected ? [] : [`sweep: ${line}`];
  });
}

async function inspect(
  cloud: MortalCloud,
  history: readonly Change[],
  allowed: readonly Code[],
): Promise<string[]> {
  const mysql = await cloud.mysql.connect();
  const found = await readSinks(cloud.target, mysql);
  await mysql.end();
  const findings = judge(found, history, allowed);
  // Of MySQL nothing else is kept.
  const done = history.map((change) =>
    'upload' in change ? { ...change, upload: textOf(change.upload) } : change,
  );
  const seen = { history: done, found: Object.fromEntries(found) };
  writeFileSync(join(cloud.directory, `found-${allowed.join('-')}.json`), JSON.stringify(seen, null, 2));
  for (const command of [['reconcile'], ['sweep', '--older-than', '1s']]) {
    const { ok, text } = await cloud.sluice(...command);
    if (!ok) findings.push(`${command[0]}: ${text}`);
  }
  return findings;
}

function summary(history: readonly Change[]): string {
  const count = (wanted: Change['what']) => history.filter(({ what }) => what === wanted).length;
  const keys = new Set(history.map(({ key }) => key)).size;
  return `${count('put')} puts, ${count('marked as deleted')} deletions and ${count('removed')} versions or markers removed of ${keys} keys`;
}

const textOf = ({ body }: Upload) => Buffer.from(body).toString('latin1');

async function every(ms: number, until: number, work: () => Promise<void>): Promise<void> {
  while (Date.now() < until) {
    await work();
    await wait(ms);
  }
}

if (values.help) console.log(usage);
else process.exitCode = (await run(Number(values.minutes), Number(values.seed))) ? 0 : 1;

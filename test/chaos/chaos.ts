import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { Random } from '../simulation/random.ts';
import { backlog, drain } from './drain.ts';
import { judge } from './judge.ts';
import { Load } from './load.ts';
import { MortalCloud } from './mortal-cloud.ts';

const usage = `npm run test:chaos -- [--minutes N] [--seed N] [--keep]

Puts, overwrites and deletes objects in the running local cloud, while functions and the local cloud itself are killed
(kill -9) at random; then waits until all is quiet, and holds what the buckets hold against what was done.
  --minutes N  of load (1)
  --seed N     of what is done and killed (random); what runs beside it is up to the machine
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
  const until = Date.now() + minutes * 60_000;
  const cloud = new MortalCloud();
  let waiting = 0;
  const load = new Load(
    () => cloud.target,
    new Random(seed),
    () => waiting,
  );
  let findings: readonly string[] = ['it did not come to its end'];
  try {
    await cloud.start();
    console.log(`Seed ${seed}, for ${minutes} minutes, in ${cloud.directory}`);
    const watch = every(1000, until, async () => {
      waiting = await backlog(cloud.target).catch(() => waiting);
    });
    await Promise.all([load.run(until), killAtRandom(cloud, new Random(seed + 1), until), watch]);
    const { redriven } = await drain(cloud.target);
    findings = [...(await judge(cloud.target, load.history)), ...(await reconcile(cloud))];
    const deletions = load.history.filter((change) => 'deleted' in change).length;
    console.log(
      `${load.history.length - deletions} puts and ${deletions} deletions of ${new Set(load.history.map(({ key }) => key)).size} keys; ` +
        `${cloud.functionKills} functions and the local cloud ${cloud.kills} times killed; ${redriven} messages redriven.`,
    );
  } finally {
    await cloud.close(values.keep || findings.length > 0);
  }
  for (const finding of findings) console.log(`  ${finding}`);
  console.log(findings.length === 0 ? 'All is as it must be.' : `State and log are kept: ${cloud.directory}`);
  return findings.length === 0;
}

async function killAtRandom(cloud: MortalCloud, random: Random, until: number): Promise<void> {
  let cloudDiesAt = Date.now() + random.between(5_000, 20_000);
  while (Date.now() < until) {
    await wait(random.between(200, 3_000));
    if (Date.now() >= cloudDiesAt) {
      await cloud.crash();
      cloudDiesAt = Date.now() + random.between(5_000, 40_000);
    } else {
      cloud.crashFunction((count) => random.between(0, count - 1));
    }
  }
}

async function every(ms: number, until: number, work: () => Promise<void>): Promise<void> {
  while (Date.now() < until) {
    await work();
    await wait(ms);
  }
}

/** What the operator would ask. */
async function reconcile({ state }: MortalCloud): Promise<string[]> {
  const sluice = join(import.meta.dirname, '../../ops/sluice.mjs');
  const command = [sluice, '--directory', state, 'reconcile'];
  return promisify(execFile)(process.execPath, command).then(
    () => [],
    (error: { readonly stdout: string; readonly stderr: string }) => [
      `reconcile: ${error.stdout}${error.stderr}`,
    ],
  );
}

if (values.help) console.log(usage);
else process.exitCode = (await run(Number(values.minutes), Number(values.seed))) ? 0 : 1;

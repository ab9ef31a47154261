import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { readSystem } from '../simulation/pipeline.ts';
import { Copy } from './mutated.ts';
import { type Mutation, mutations } from './mutations.ts';

const usage = `npm run test:mutations -- [--seeds N] [--only TEXT]

Breaks the code on purpose, in copies of it, in one place at a time, and sees that the simulation notices.
  --seeds N    how many schedules each defect may survive (1000)
  --only TEXT  only those in whose name this stands`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

/** @returns how many were not caught */
async function proveAll(chosen: readonly Mutation[], seeds: number): Promise<number> {
  const { topology, region } = await readSystem();
  const share = { topology, region, first: 1, end: seeds + 1, step: 1 };
  const limit = pLimit(availableParallelism());
  const startedAt = performance.now();
  const sound = new Copy();
  let survivors = 0;
  const prove = async (mutation: Mutation): Promise<void> => {
    const copy = new Copy(sound);
    try {
      copy.mutate(mutation);
      const failure = await copy.firstFailure(share);
      const finding = failure?.finding ?? `${mutation.file}: ${mutation.find}`;
      const verdict = failure === undefined ? 'SURVIVED' : `seed ${failure.seed}`;
      console.log(
        `${verdict.padEnd(9)} ${mutation.name.padEnd(66)} ${finding.slice(0, 100).replaceAll('\n', ' ')}`,
      );
      if (failure === undefined) survivors += 1;
      // It must be the mutation that fails there.
      else if (await sound.firstFailure({ ...share, first: failure.seed, end: failure.seed + 1 }))
        throw new Error(`The code fails as it is: npm run simulate -- --seed ${failure.seed} --trace`);
    } finally {
      copy.remove();
    }
  };
  try {
    await Promise.all(chosen.map((mutation) => limit(prove, mutation)));
  } finally {
    sound.remove();
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${chosen.length - survivors} of ${chosen.length} mutations were caught (${seconds} s).`);
  return survivors;
}

if (values.help) {
  console.log(usage);
} else {
  const chosen = mutations.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0) throw new Error(`There is no mutation in whose name “${values.only}” stands.`);
  process.exitCode = (await proveAll(chosen, Number(values.seeds))) === 0 ? 0 : 1;
}

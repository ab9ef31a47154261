import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { readSystem } from '../simulation/system.ts';
import type { Share } from '../simulation/worker.ts';
import { Copy } from './mutated.ts';
import type { Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';

const usage = `npm run test:mutations -- [--seeds N] [--only TEXT]

Breaks the code on purpose, in copies of it, in one place at a time, and sees that the simulation notices, or the test that
the list names.
  --seeds N    how many schedules each defect may survive (1000)
  --only TEXT  only those in whose name, file or test this stands`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

/** Who noticed a defect, and what he said. */
interface Catch {
  readonly by: string;
  readonly finding: string;
}

/** Looks for a defect in copies of the code that have it. */
class Hunt {
  readonly #share: Share;
  /** The code as it is: what fails there as well is no sign of a defect. */
  readonly #sound = new Copy();
  readonly #soundTests = new Map<string, Promise<string | undefined>>();

  constructor(share: Share) {
    this.#share = share;
  }

  /**
   * @returns `undefined` where nothing notices it. @throws when what notices it does so without it as well
   */
  async catch(mutation: Mutation): Promise<Catch | undefined> {
    const copy = new Copy(this.#sound);
    try {
      copy.mutate(mutation);
      return await (mutation.caughtBy === undefined
        ? this.#bySimulation(copy)
        : this.#byTest(copy, mutation.caughtBy));
    } finally {
      copy.remove();
    }
  }

  async #bySimulation(copy: Copy): Promise<Catch | undefined> {
    const failure = await copy.firstFailure(this.#share);
    if (failure === undefined) return undefined;
    const { seed, finding } = failure;
    if (await this.#sound.firstFailure({ ...this.#share, first: seed, end: seed + 1 }))
      throw new Error(`The code fails as it is: npm run simulate -- --seed ${seed} --trace`);
    return { by: `seed ${seed}`, finding };
  }

  async #byTest(copy: Copy, file: string): Promise<Catch | undefined> {
    const finding = await copy.failingTest(file);
    if (finding === undefined) return undefined;
    const sound = this.#soundTests.get(file) ?? this.#sound.failingTest(file);
    this.#soundTests.set(file, sound);
    if ((await sound) !== undefined)
      throw new Error(`The code fails as it is (${await sound}): npx vitest run ${file}`);
    return { by: 'its test', finding };
  }

  end(): void {
    this.#sound.remove();
  }
}

/** @returns how many were not caught */
async function proveAll(chosen: readonly Mutation[], seeds: number): Promise<number> {
  const { topology, region } = await readSystem();
  const limit = pLimit(availableParallelism());
  const startedAt = performance.now();
  const hunt = new Hunt({ topology, region, first: 1, end: seeds + 1, step: 1 });
  let survivors = 0;
  const prove = async (mutation: Mutation): Promise<void> => {
    const caught = await hunt.catch(mutation);
    if (caught === undefined) survivors += 1;
    const { by, finding } = caught ?? { by: 'SURVIVED', finding: `${mutation.file}: ${mutation.find}` };
    console.log(`${by.padEnd(9)} ${mutation.name.padEnd(75)} ${finding.slice(0, 100).replaceAll('\n', ' ')}`);
  };
  try {
    await Promise.all(chosen.map((mutation) => limit(prove, mutation)));
  } finally {
    hunt.end();
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${chosen.length - survivors} of ${chosen.length} mutations were caught (${seconds} s).`);
  return survivors;
}

if (values.help) {
  console.log(usage);
} else {
  const chosen = mutations.filter(({ name, file, caughtBy = '' }) =>
    [name, file, caughtBy].some((text) => text.includes(values.only)),
  );
  if (chosen.length === 0)
    throw new Error(`There is no mutation in whose name, file or test “${values.only}” stands.`);
  process.exitCode = (await proveAll(chosen, Number(values.seeds))) === 0 ? 0 : 1;
}

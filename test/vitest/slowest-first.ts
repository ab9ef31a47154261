import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = join(import.meta.dirname, '../..');

/**
 * The files that take longest, in turns those that compute and those that mostly wait. Without the durations
 * of an earlier run, as in a fresh clone, Vitest starts the largest first, and one of these would run alone
 * at the end.
 */
const slowest = [
  'test/tutorial.test.ts',
  'test/cli/verify/verify.test.ts',
  'test/cli/ledger/dead-letters.test.ts',
  'test/infra/engine/updates.test.ts',
  'test/cli/ledger/erasure.test.ts',
  'test/simulation/simulation.test.ts',
  'test/cli/json.test.ts',
  'test/cli/verify/interrupted.test.ts',
  'test/readme.test.ts',
];

/** Starts the slowest files first, and then the others as Vitest does. */
export class SlowestFirst extends BaseSequencer {
  /** @throws {Error} when one of the slowest files has gone */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = slowest.find((file) => !existsSync(join(root, file)));
    if (gone !== undefined) throw new Error(`There is no ${gone}. Correct test/vitest/slowest-first.ts.`);
    const rank = ({ moduleId }: TestSpecification) => {
      const found = slowest.findIndex((file) => moduleId.endsWith(`/${file}`));
      return found < 0 ? slowest.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

import * as z from 'zod';
import { invoke } from './invoke.ts';
import type { Target } from './target.ts';

const answer = z.object({
  tables: z.array(
    z.object({
      table: z.string(),
      snapshots: z.int(),
      files: z.int(),
      bytes: z.int(),
      compacted: z.object({ files: z.int(), into: z.int(), bytes: z.int() }),
      finished: z.boolean(),
    }),
  ),
});
export type MaintainedTable = z.infer<typeof answer>['tables'][number];

/** Has the maintenance function do a task, and tells what it did of each table. */
export async function maintainedTables(
  target: Target,
  task: { readonly dryRun: boolean; readonly compact?: boolean; readonly dataset?: string },
): Promise<readonly MaintainedTable[]> {
  const { function: name } = target.outputs.maintenance;
  return answer.parse(await invoke(target, name, 'The maintenance', task)).tables;
}

import { parentPort, workerData } from 'node:worker_threads';
import type { FunctionName } from '../../../domain/environment.ts';

/** A function that starts cold, in a thread of its own. The thread tells which variables it asked for. */
export interface ColdStart {
  readonly name: FunctionName;
  readonly variables: Readonly<Record<string, string>>;
  /** Which variables count. */
  readonly known: readonly string[];
}

const { name, variables, known } = workerData as ColdStart;
const asked = new Set<string>();
process.env = new Proxy<NodeJS.ProcessEnv>(
  { ...variables },
  {
    get(target, variable: string) {
      if (known.includes(variable)) asked.add(variable);
      return target[variable];
    },
  },
);
await import(`../../../handlers/${name}.ts`);
// It reads its variables when it is called.
if (name === 'migration') await (await import('../../../mysql/administrator.ts')).administrator();
parentPort?.postMessage([...asked]);

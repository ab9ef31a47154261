import { join } from 'node:path';
import type { StageOptions } from '../../handlers/sqs-handler.ts';
import { readProgram } from '../../local-aws/program/program.ts';
import { readTopology, type Topology } from '../../local-aws/program/topology.ts';
import type { StageCode } from './functions.ts';

/** What the program describes, and the code of its functions, by function name. */
export interface System {
  readonly topology: Topology;
  readonly region: string;
  readonly code: ReadonlyMap<string, StageCode>;
}

/**
 * The Pulumi program of this repository, run once, and the handlers with the environment that it gives them.
 */
export async function readSystem(): Promise<System> {
  const program = await readProgram({ stack: 'dev', directory: join(import.meta.dirname, '../..') });
  return withCode(readTopology(program), program.region);
}

/**
 * Loads the functions' code; quiet, since thousands of runs would log millions of lines, and without the
 * async_hooks by which the X-Ray SDK follows promises.
 */
export async function withCode(topology: Topology, region: string): Promise<System> {
  Object.assign(process.env, {
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_TRACE_ENABLED: 'false',
    AWS_XRAY_MANUAL_MODE: 'true',
    AWS_REGION: region,
  });
  const { stageHandler } = await import('../../handlers/sqs-handler.ts');
  const code = new Map<string, StageCode>();
  for (const { name, environment } of topology.functions) {
    Object.assign(process.env, environment);
    const file = `../../handlers/${environment['POWERTOOLS_SERVICE_NAME']}.ts`;
    const { stage } = (await import(file)) as { readonly stage?: StageOptions };
    if (stage !== undefined) code.set(name, { stage, stageHandler });
  }
  return { topology, region, code };
}

import { registry } from '../datasets/index.ts';
import {
  type BucketVariable,
  type FunctionName,
  functionVariables,
  queueVariables,
  type Variable,
  type VariableOf,
} from '../domain/environment.ts';
import type { Stage } from '../domain/stage.ts';
import { recordedSchemas } from '../lake/table-schema.ts';
import layouts from '../mysql/migrations/lake.json' with { type: 'json' };

/**
 * Reads a function's variables, once, at cold start.
 *
 * @throws {Error} that names each missing variable: code and Pulumi program were not deployed together
 */
export function readEnvironment<Name extends FunctionName>(
  name: Name,
): Readonly<Record<VariableOf<Name>, string>> {
  return readVariables<VariableOf<Name>>(functionVariables[name]);
}

type Purpose<Name> = Name extends `${infer Start}_BUCKET` ? Lowercase<Start> : never;

/**
 * Reads a stage's environment: its buckets by purpose, and those of the stage's options that the program
 * sets.
 *
 * @throws {Error} as `readEnvironment` does
 */
export function stageEnvironment<Name extends Stage>(stage: Name) {
  const variables: readonly Variable[] = functionVariables[stage];
  const env = readVariables(['STACK', 'FAILED_BUCKET', 'CODE_VERSION', ...variables, ...queueVariables]);
  const buckets = Object.fromEntries(
    variables
      .filter((each): each is BucketVariable => each.endsWith('_BUCKET'))
      .map((each) => [each.replace('_BUCKET', '').toLowerCase(), env[each]]),
  ) as Record<Purpose<VariableOf<Name>>, string>;
  const options = {
    stage,
    stack: env.STACK,
    registry,
    tableSchema: recordedSchemas(layouts),
    failedBucket: env.FAILED_BUCKET,
    codeVersion: env.CODE_VERSION,
    queueUrl: env.QUEUE_URL,
    visibilityTimeout: Number(env.VISIBILITY_TIMEOUT),
    maximumReceives: Number(env.MAXIMUM_RECEIVES),
    // Limited by the function's memory: in loading, the rows of one part take up to 100 MB.
    concurrency: 2,
  };
  return { buckets, options };
}

function readVariables<Name extends Variable>(names: readonly Name[]): Readonly<Record<Name, string>> {
  const missing = names.filter((name) => (process.env[name] ?? '') === '');
  if (missing.length > 0) {
    throw new Error(
      `The environment variables ${missing.join(', ')} are missing. Deploy program and code together: pulumi up.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, process.env[name]])) as Record<Name, string>;
}

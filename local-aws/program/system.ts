import { errorText } from '../core/service-error.ts';
import type { PolicyEngineOptions } from '../iam/policy-engine.ts';
import { type Program, type ProgramOptions, readProgram } from './program.ts';
import type { ProgramProcess } from './program-process.ts';
import { readTopology, type Topology } from './topology.ts';
import { validate } from './validation/validation.ts';

/**
 * Thrown if the Pulumi program fails, or registers something that AWS would refuse or the local cloud does
 * not support.
 */
export class ProgramRefused extends Error {
  override readonly name = 'ProgramRefused';
}

/** What the program describes. */
export interface System extends Pick<Program, 'region' | 'outputs'> {
  readonly topology: Topology;
}

/**
 * Runs the Pulumi program and reads its resources as parts of the local cloud.
 *
 * @throws {ProgramRefused}
 */
export async function readSystem(
  options: ProgramOptions,
  process?: Pick<ProgramProcess, 'run'>,
): Promise<System> {
  try {
    const { region, outputs, resources } = await readProgram(options, process);
    refuseInvalid(resources);
    return { region, outputs, topology: readTopology({ resources }) };
  } catch (error) {
    throw new ProgramRefused(errorText(error), { cause: error });
  }
}

function refuseInvalid(resources: Program['resources']): void {
  const findings = validate(resources);
  if (findings.length === 0) return;
  const lines = findings.map(({ urn, property, rule }) => `  ${urn}\n    ${property}: ${rule}`);
  throw new Error(`AWS would refuse the program's resources:\n${lines.join('\n')}`);
}

/** The policies that decide about calls: those of roles and of resources, with the resources' keys. */
export function policiesOf({ buckets, queues, roles, keys }: Topology): PolicyEngineOptions {
  const policies = [...buckets, ...queues, ...keys].flatMap(({ arn, policy }) =>
    policy === undefined ? [] : [[arn, policy] as const],
  );
  const trusts = roles.map(({ arn, trust }) => [arn, trust] as const);
  const encrypted = [...buckets, ...queues].flatMap(({ arn, keyArn }) =>
    keyArn === undefined ? [] : [[arn, keyArn] as const],
  );
  return { roles, resourcePolicies: new Map([...policies, ...trusts]), keys: new Map(encrypted) };
}

import * as z from 'zod';
import { ServiceError } from '../core/service-error.ts';
import { jsonService, operation } from '../http/json.ts';
import type { Service } from '../http/service.ts';
import type { PolicyEngine } from '../iam/policy-engine.ts';
import { type Faults, faultRequest } from './faults.ts';

export interface ControlOptions {
  /** What the cloud is called: see `ServerOptions`. */
  readonly name: string;
  readonly engine: Pick<PolicyEngine, 'uses' | 'denials'>;
  readonly faults: Faults;
}

/**
 * What AWS has no API for, in the AWS JSON protocol as `Name.<operation>`: the faults, and what each role used since
 * the start. Signed as every call is, and for the person at the keyboard alone.
 */
export function controlService({ name, engine, faults }: ControlOptions): Service {
  const service = jsonService({
    target: name,
    version: '1.0',
    operations: {
      AddFault: operation(faultRequest, async (asked) => faults.add(asked)),
      ListFaults: operation(z.object({}), async () => ({ faults: faults.list() })),
      ClearFaults: operation(z.object({ ids: z.array(z.string()).optional() }), async ({ ids }) => {
        faults.clear(ids);
        return {};
      }),
      ListPermissions: operation(z.object({}), async () => ({
        roles: engine.uses(),
        denials: engine.denials(),
      })),
    },
  });
  return async (request) => {
    if (request.caller.kind === 'user') return service(request);
    throw new ServiceError(
      'AccessDeniedException',
      403,
      `${request.caller.principal} may not control the local cloud.`,
    );
  };
}

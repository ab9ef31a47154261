import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { forbidden } from '../core/service-error.ts';
import { jsonService } from '../http/json.ts';
import { type DescribedService, operationsOnAll } from '../http/operation.ts';
import type { PolicyEngine } from '../iam/policy-engine.ts';
import { type Faults, faultRequest } from './faults.ts';

export interface ControlOptions {
  /** The cloud's own name: see `ServerOptions`. */
  readonly name: string;
  readonly engine: Pick<PolicyEngine, 'uses' | 'denials'>;
  readonly faults: Faults;
}

/**
 * Operations that AWS does not have, in the AWS JSON protocol as `Name.<operation>`: faults, and the use of
 * each role since the start. They are signed like every call, and only the user may call them.
 */
export const controlService = (options: ControlOptions): DescribedService =>
  jsonService({
    target: options.name,
    version: '1.0',
    operations,
    service: { ...options, authorize: refuseRoles },
  });

const refuseRoles: Authorize = async ({ caller: { kind, principal } }) => {
  if (kind !== 'user')
    throw forbidden('AccessDeniedException', `${principal} may not control the local cloud.`);
};

const onAll = operationsOnAll<ControlOptions & { readonly authorize: Authorize }>();

const operations = {
  AddFault: onAll('control:AddFault', faultRequest, ({ service, input }) => service.faults.add(input)),
  ListFaults: onAll('control:ListFaults', z.object({}), ({ service }) => ({ faults: service.faults.list() })),
  ClearFaults: onAll(
    'control:ClearFaults',
    z.object({ ids: z.array(z.string()).optional() }),
    ({ service, input }) => ({ faults: service.faults.clear(input.ids) }),
  ),
  ListPermissions: onAll('control:ListPermissions', z.object({}), ({ service: { engine } }) => ({
    roles: engine.uses(),
    denials: engine.denials(),
  })),
};

import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { ServiceError } from '../core/service-error.ts';
import { type Asked, type DescribedService, operationOf } from '../http/operation.ts';
import { jsonAnswer, type Place, type Route, restJsonService } from '../http/rest-json.ts';
import type { WireResponse } from '../http/service.ts';
import type { ScheduleSettings } from './scheduler.ts';

export interface SchedulerServiceOptions {
  readonly schedules: readonly ScheduleSettings[];
  readonly authorize: Authorize;
}

/** EventBridge Scheduler's API, limited to looking at a schedule. */
export const schedulerService = (
  service: SchedulerServiceOptions,
): DescribedService<Route<SchedulerServiceOptions>> => restJsonService('Scheduler', operations, service);

const named = z.object({ Name: z.string(), groupName: z.string().default('default') });

const operations = {
  GetSchedule: operationOf<SchedulerServiceOptions, WireResponse, Place>()({
    at: 'GET /schedules/{Name}',
    input: named,
    find({ service, input: { Name, groupName } }: Asked<SchedulerServiceOptions, z.infer<typeof named>>) {
      const found = service.schedules.find(
        ({ name, groupArn }) => name === Name && groupArn.endsWith(`/${groupName}`),
      );
      if (found) return found;
      throw new ServiceError('ResourceNotFoundException', 404, `Schedule ${Name} does not exist.`);
    },
    action: 'scheduler:GetSchedule',
    resource: ({ target }) => target.arn,
    run: ({ target, input: { groupName } }) =>
      jsonAnswer({
        Arn: target.arn,
        Name: target.name,
        GroupName: groupName,
        ScheduleExpression: target.expression,
        ScheduleExpressionTimezone: 'UTC',
        State: target.enabled ? 'ENABLED' : 'DISABLED',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: { Arn: target.targetArn, RoleArn: target.roleArn, Input: target.input },
      }),
  }),
};

import type { Authorize } from '../core/call.ts';
import { schedulerService } from './api.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

/** Creates the schedules and their API. @throws {Error} for a target that the local cloud can't call */
export function createScheduler(options: SchedulerOptions & { readonly authorize: Authorize }) {
  return Object.assign(new Scheduler(options), { handle: schedulerService(options) });
}

import type { Authority } from './iam/authority.ts';
import { ServiceError } from './service-error.ts';
import { jsonError } from './wire/error-response.ts';
import type { Service } from './wire/service.ts';

/** The local cloud's own pages, for what AWS has no API for: `GET /_sluice/iam`, what each role used since the start. */
export function controlService(authority: Pick<Authority, 'uses' | 'denials'>): Service {
  return async ({ method, path }) => {
    if (method !== 'GET' || path !== '/_sluice/iam')
      return jsonError(new ServiceError('NotFound', 404, `There is no ${method} ${path}.`));
    const body = JSON.stringify({ roles: authority.uses(), denials: authority.denials() });
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  };
}

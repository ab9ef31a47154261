import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import type { Permissions } from '../target/control.ts';
import { integer, printable, printableJson, styled, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface Permission {
  readonly statement: string;
  readonly kind: 'action' | 'resource';
  readonly pattern: string;
  readonly uses: number;
}

export function iam(program: Command): void {
  program
    .command('iam')
    .description(
      'show the permissions of each role, how often each was used since the local cloud started, and what was denied',
    )
    .option('--json', 'as JSON')
    .option('--check', 'exit 1 if anything was denied or never used')
    .action(async (options: { json?: true; check?: true }) => {
      const { control } = await chosenTarget(program);
      if (control === undefined) {
        throw new UserError(
          'Only the local cloud counts uses of permissions; on AWS, use IAM Access Analyzer. Leave out --stack and unset SLUICE_STACK.',
        );
      }
      const permissions = await control.permissions();
      const unused = permissions.roles
        .flatMap(({ statements }) => permissionsOf(statements))
        .filter(isUnused).length;
      const denied = permissions.denials.length;
      if (options.json) console.log(printableJson(permissions, 2));
      else console.log(permissionReport(permissions, unused));
      if (options.check && (unused > 0 || denied > 0)) process.exitCode = 1;
    });
}

type Statements = Permissions['roles'][number]['statements'];

/** Actions and resources are counted separately: nothing records which action was used on which resource. */
function permissionsOf(statements: Statements): Permission[] {
  return statements.flatMap(({ statement, actions, resources }) => [
    ...actions.map((each) => ({ statement, kind: 'action' as const, ...each })),
    ...resources.map((each) => ({ statement, kind: 'resource' as const, ...each })),
  ]);
}

const isUnused = ({ uses }: Permission) => uses === 0;

function permissionReport({ roles, denials }: Permissions, unused: number): string {
  const parts = roles.map(
    ({ role, statements }) =>
      `${styled('bold', printable(role))}\n${permissionTable(permissionsOf(statements))}`,
  );
  parts.push(
    denials.length === 0
      ? 'Nothing was denied.'
      : `${styled('red', 'Denied')}\n${table(denials, [
          { title: 'TIMES', value: ({ times }) => integer(times), align: 'right' },
          {
            title: 'PRINCIPAL',
            value: ({ principal }) => printable(principal.split('/').at(-1) ?? principal),
          },
          { title: 'ACTION', value: ({ action }) => action },
          { title: 'RESOURCE', value: ({ resource }) => printable(resource) },
          { title: 'WHY', value: ({ reason }) => printable(reason) },
        ])}`,
    unused === 0
      ? 'Every permission was used since the local cloud started.'
      : `${integer(unused)} ${unused === 1 ? 'permission was' : 'permissions were'} never used since the local cloud started.`,
  );
  return parts.join('\n\n');
}

function permissionTable(permissions: readonly Permission[]): string {
  return table(permissions, [
    { title: 'STATEMENT', value: ({ statement }) => statement },
    { title: 'KIND', value: ({ kind }) => kind },
    { title: 'ALLOWED', value: ({ pattern }) => printable(pattern) },
    {
      title: 'USES',
      value: ({ uses }) => (uses === 0 ? 'never used' : integer(uses)),
      align: 'right',
      style: (each) => (isUnused(each) ? 'yellow' : undefined),
    },
  ]);
}

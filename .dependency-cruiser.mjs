/** Who may import whom: docs/architecture.md, "The parts". */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    forbid(
      'domain-is-pure',
      '^domain/',
      '^(handlers|infra|local-aws|cli|ops|test)/',
      'The domain knows nothing of where it runs.',
    ),
    forbid(
      'domain-knows-no-aws',
      '^domain/',
      'node_modules/(@aws-|@pulumi|@middy|@duckdb)',
      'The domain imports zod and Node, nothing of AWS.',
    ),
    forbid(
      'handlers-import-domain',
      '^handlers/',
      '^(infra|local-aws|cli|ops|test)/',
      'A handler is deployed: it brings nothing but the domain.',
    ),
    forbid(
      'infra-names-handlers',
      '^infra/',
      '^(handlers|local-aws|cli|ops|test)/',
      'The program names handler files by path, and never runs them.',
    ),
    forbid(
      'local-runs-bundles',
      '^local-aws/(?!test/)',
      '^(handlers|cli|ops|test)/',
      'The local cloud starts functions as Lambda would.',
    ),
    forbid(
      'ops-uses-clients',
      '^ops/',
      '^(handlers|test)/',
      'The command line talks to the pipeline through AWS’s clients.',
    ),
    forbid(
      'ops-starts-the-local-cloud-in-one-place',
      '^ops/(?!local-cloud\\.ts|set-up-mysql\\.mjs|set-up\\.mjs)',
      '^local-aws/',
      'Only what starts the local cloud, or brings what it needs, knows it.',
    ),
    forbid(
      'migrations-import-domain',
      '^migrations/',
      '^(handlers|infra|local-aws|cli|ops|test)/',
      'They are deployed with a function, and applied from the command line.',
    ),
    forbid(
      'no-tests-in-the-product',
      '^(domain|handlers|infra|migrations|ops|cli|local-aws(?!/test))/',
      '^(local-aws/)?test/',
      'Tests are not shipped.',
    ),
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'nothing-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'handlers-have-no-dev-dependencies',
      severity: 'error',
      from: { path: '^(domain|handlers|infra|local-aws|cli|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
